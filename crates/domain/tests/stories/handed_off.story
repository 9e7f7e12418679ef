# An agent works until the tracker says that the issue is somebody else's, over as many workers as it takes.
> the project hands off
> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-1/1/start
> agent started
  working
    - attempt 1 started, isolated
> agent is in thread T1
  working
> the issue is seen in In Progress
  working
    - the issue is in `In Progress` now
> agent finished
  waiting
    - attempt 1 finished: made it so
    - waits: to go on if the issue is still active
> wait 2
> go on
  starting
    - attempt 2 claimed
    owes run-1/2/start
> agent started
  working
    - attempt 2 started, isolated
> the issue is seen in Human Review
  ended
    - released: the issue's state is `Human Review`, which is not an active one
    owes run-1/2/end
