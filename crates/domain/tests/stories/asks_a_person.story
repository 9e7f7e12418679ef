# An agent that needs a person waits for one, without a slot, until the issue moves.
> the project hands off
> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-1/1/start
> agent started
  working
    - attempt 1 started, isolated
> agent asks may I push to main?
  blocked
    - blocked: may I push to main?
> claim
  refused: run run-1 works on it
> the issue is seen in Todo
  refused: ignored, the run knows it already
> the issue is seen without its label
  ended
    - released: it lacks the label `agents` that the project asks for
> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-2/1/start
> agent started
  working
    - attempt 1 started, isolated
> agent failed budget_spent
  blocked
    - attempt 1 failed, budget_spent: as told
    - blocked: budget_spent: as told
> the issue is seen in Done
  ended
    - released: the issue's state is `Done`
    owes run-2/clean
