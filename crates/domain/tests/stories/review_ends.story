# Rounds are bounded: after the last one a person decides.

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
> pay says P2 unclear of a
  waiting
    - round 1: pay raised 1 finding(s)
    - P2 pay-1-1: unclear
    - waits: to mend 1 finding(s)
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
> pay says P2 still-unclear of b
  ended
    - round 2: pay raised 1 finding(s)
    - pay-1-1 fixed by bbbbbbbbbb
    - P2 pay-2-1: still-unclear
    - needs a person: 1 finding(s) are still open after 2 round(s) of review
    owes run-1/comment
> claim
  refused: run run-1 ended (needs a person: 1 finding(s) are still open after 2 round(s) of review); change the issue to have it tried again
