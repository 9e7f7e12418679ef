# Failures wait longer and longer, a crash waits the shortest; attempts are bounded.

> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-1/1/start
> agent failed exited
  waiting
    - attempt 1 failed, exited: as told
    - waits: to try again after exited: as told
> go on
  refused: the run is not due
> wait 10
> go on
  starting
    - attempt 2 claimed
    owes run-1/2/start
> agent started
  working
    - attempt 2 started, isolated
> agent failed lost
  waiting
    - attempt 2 failed, lost: as told
    - waits: to try again after lost: as told
> wait 1
> go on
  starting
    - attempt 3 claimed
    owes run-1/3/start
> agent failed stalled
  waiting
    - attempt 3 failed, stalled: as told
    - waits: to try again after stalled: as told
> wait 60
> go on
  starting
    - attempt 4 claimed
    owes run-1/4/start
> agent failed exited
  ended
    - attempt 4 failed, exited: as told
    - failed, exited: as told
    owes run-1/comment
> claim
  refused: run run-1 ended (failed, exited: as told); change the issue to have it tried again
> the issue is edited
> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-2/1/start
