# A person closes the issue while the agent works: the agent is ended, the workspace goes.

> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-1/1/start
> agent started
  working
    - attempt 1 started, isolated
> the issue is now Done
  ended
    - cancelled: the issue's state became `Done`
    owes run-1/1/end
    owes run-1/clean
