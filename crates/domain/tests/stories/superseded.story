# What an older claim sends is refused.

> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-1/1/start
> agent failed lost
  waiting
    - attempt 1 failed, lost: as told
    - waits: to try again after lost: as told
> wait 1
> go on
  starting
    - attempt 2 claimed
    owes run-1/2/start
> an older agent finished
  refused: ignored, it belongs to an older claim of the run
> agent started
  working
    - attempt 2 started, isolated
> agent started
  refused: ignored, the run's phase does not wait for it
