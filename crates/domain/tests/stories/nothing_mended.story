# An author that answers findings with nothing is not sent round in circles.

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
> pay says P1 broken of a
  waiting
    - round 1: pay raised 1 finding(s)
    - P1 pay-1-1: broken
    - waits: to mend 1 finding(s)
> go on
  starting
    - attempt 2 claimed
    owes run-1/2/start
> agent finished
  collecting
    - attempt 2 finished: made it so
    owes run-1/2/collect
> change a for pay
  ended
    - change aaaaaaaaaa collected: 1 file(s), +10 -2
    - needs a person: the author left open findings unanswered: it changed nothing
    owes run-1/comment
