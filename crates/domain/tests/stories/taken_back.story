# The author mends a finding by leaving the team's files alone: the team that raised it closes it.

> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-1/1/start
> agent started
  working
    - attempt 1 started, isolated
> agent finished
  collecting
    - attempt 1 finished: made it so
    owes run-1/1/collect
> change a for pay,web
  in_review
    - change aaaaaaaaaa collected: 2 file(s), +10 -2
    - round 1: pay asked to review aaaaaaaaaa
    - round 1: web asked to review aaaaaaaaaa
    owes run-1-1-pay/1/review
    owes run-1-1-web/1/review
> web says clean of a
  in_review
    - round 1: web found nothing
> pay says P1 hands-off of a
  waiting
    - round 1: pay raised 1 finding(s)
    - P1 pay-1-1: hands-off
    - waits: to mend 1 finding(s)
> go on
  starting
    - attempt 2 claimed
    owes run-1/2/start
> agent started
  working
    - attempt 2 started, isolated
> agent finished
  collecting
    - attempt 2 finished: made it so
    owes run-1/2/collect
> change b for web
  in_review
    - change bbbbbbbbbb collected: 1 file(s), +10 -2
    - round 2: web asked to review bbbbbbbbbb
    - round 2: pay asked to review bbbbbbbbbb
    owes run-1-2-web/2/review
    owes run-1-2-pay/2/review
> web says clean of b
  in_review
    - round 2: web found nothing
> pay says clean of b
  landing
    - round 2: pay found nothing
    - pay-1-1 fixed by bbbbbbbbbb
    - landing bbbbbbbbbb
    owes run-1/2/land/2
