# The landing branch moved and the change no longer fits: the author mends it, and it is reviewed anew.

> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-1/1/start
> agent finished
  collecting
    - attempt 1 finished: made it so
    owes run-1/1/collect
> change a for pay
  in_review
    - change aaaaaaaaaa collected: 1 file(s), +10 -2
    - round 1: pay asked to review aaaaaaaaaa
    owes run-1-1-pay/1/review
> pay says clean of a
  landing
    - round 1: pay found nothing
    - landing aaaaaaaaaa
    owes run-1/1/land/1
> main conflicts with a in src/pay.rs
  waiting
    - waits: to mend conflicts with the landing branch in src/pay.rs
> go on
  starting
    - attempt 2 claimed
    owes run-1/2/start
> agent finished
  collecting
    - attempt 2 finished: made it so
    owes run-1/2/collect
> change b for pay
  in_review
    - change bbbbbbbbbb collected: 1 file(s), +10 -2
    - round 2: pay asked to review bbbbbbbbbb
    owes run-1-2-pay/2/review
> pay says clean of b
  landing
    - round 2: pay found nothing
    - landing bbbbbbbbbb
    owes run-1/2/land/2
> landed a as f
  refused: ignored, it belongs to an older claim of the run
> landed b as f
  ended
    - landed bbbbbbbbbb with merge ffffffffff
    owes run-1/move
    owes run-1/comment
    owes run-1/clean
