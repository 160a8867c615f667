"""How a job ends that was running in a child process when that ended."""

import signal

from lapinq_core.domain.outcome import Died, Interrupted, Outcome
from lapinq_worker.job import Job
from lapinq_worker.pools.child_process import ChildProcess


def ending_of(child: ChildProcess, job: Job, code: int) -> Outcome:
    """How `job`, which had begun in a child that ended with `code`, is to be settled."""
    if child.ending is None:
        order = child.orders.get(job)
        return order.outcome if order is not None else Died(f"the process that ran the task {_how(code)}")
    guilty, outcome = child.ending
    if guilty is job:
        return outcome
    # It had just begun when the process was killed because of the one before.
    return child.interruption or Interrupted()


def _how(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
