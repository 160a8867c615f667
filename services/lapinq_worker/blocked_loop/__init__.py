"""A blocked event loop: noticing it, settling what the worker holds, starting over.

A coroutine that blocks (`time.sleep`, a long computation, C code) keeps the loop from everything else: no outcome is
written, nothing is claimed, and the cancellation at the coroutine's time limit never reaches it. Only the end of the
program ends such code. Other threads still run:

    event loop --"I turn", job that has it--> LoopGuard (a thread) --feeds--> Watchdog (a timer in C)
                                                  | blocked past a limit
                                                  v
    settler, dispatcher, inbox, pools ----read--> Handover ---> PostgreSQL, over its own connection
                                                  |
                                                  v
                                              re-exec (runtime/reexec.py)

- **Blame** (`guard`). The guard knows which job has the loop. Once that job's time limit and grace period are over, or
  the grace period of a cancel request, it acts. If the job is unknown it waits until all running coroutines are late.
- **Handover** (`handover`). The most valuable first: outcomes that are known, the end of the job to blame, then the
  running jobs, which get their start back, then claims that have not started, then the worker's own row. A pool
  contributes one call, `halt`: it stops what can be stopped from outside and returns its unsettled jobs.
- **Re-exec.** The program replaces itself and keeps its process id. In somebody else's program (`reexec` is None) the
  worker registers under a new id once the loop turns again.
- **Fencing.** Each write matches a claim token. A loop that wakes up during the handover writes nothing twice, and what
  it writes later is refused.
- **Watchdog** (`watchdog`). Code that never gives back the interpreter lock stops threads too. A timer in C then ends
  the process, the lease runs out, and other workers rescue its tasks.

docs/decisions/0006-worker.md says why this is not a supervisor process.
"""
