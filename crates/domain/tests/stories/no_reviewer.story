# A change that a team without a reviewer owns is not landed unseen.

> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-1/1/start
> agent finished
  collecting
    - attempt 1 finished: made it so
    owes run-1/1/collect
> change a for pay,nobody
  ended
    - change aaaaaaaaaa collected: 2 file(s), +10 -2
    - needs a person: team nobody owns src/nobody.rs and has no reviewer; set `teams.nobody.reviewer`
    owes run-1/comment
