# A worker that fails or stalls keeps its claim, and each further wait is longer; a lost one goes on with its thread.
> the project hands off
> claim
  starting
    - author took it, to work on SHOP-1
    - attempt 1 claimed
    owes run-1/1/start
> agent started
  working
    - attempt 1 started, isolated
> agent failed stalled
  waiting
    - attempt 1 failed, stalled: as told
    - waits: to try again after stalled: as told
> claim
  refused: run run-1 works on it
> wait 10
> go on
  starting
    - attempt 2 claimed
    owes run-1/2/start
> agent started
  working
    - attempt 2 started, isolated
> agent failed exited
  waiting
    - attempt 2 failed, exited: as told
    - waits: to try again after exited: as told
> the tracker says 503
  waiting
    - waits: retry refresh failed: 503
> no slot for the retry
  waiting
    - waits: no available orchestrator slots
> wait 100
> go on
  starting
    - attempt 3 claimed
    owes run-1/3/start
> agent started
  working
    - attempt 3 started, isolated
> agent is in thread T2
  working
> agent failed lost
  waiting
    - attempt 3 failed, lost: as told
    - waits: to try again after lost: as told
> wait 1
> go on
  starting
    - attempt 4 claimed
    owes run-1/4/start
