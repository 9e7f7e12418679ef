# Slots are bounded.

> slots taken 2
> claim
  refused: all 2 slot(s) of the project are taken
> slots taken 1
> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-1/1/start
