# An order ends the run for good; nothing that comes back later revives it.

> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-1/1/start
> agent started
  working
    - attempt 1 started, isolated
> order team/pay
  ended
    - stopped by order order-1: it loops
    owes run-1/1/end
> agent finished
  refused: ignored, the run is over
> claim
  refused: run run-1 was stopped by order order-1; `seawall lift team/pay` lets the issue be worked on again
