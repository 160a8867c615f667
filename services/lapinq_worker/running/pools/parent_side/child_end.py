"""The outcome of a job whose child process ended while it ran, and ending all children of a pool."""

import asyncio
import signal
from collections.abc import Sequence

from lapinq_core.domain.tasks.outcome import Died, Interrupted, Outcome
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.parent_side.child_process import ChildProcess

EXIT_GRACE_SECONDS = 1.0


def outcome_at_exit(child: ChildProcess, job: Job, code: int) -> Outcome:
    """The outcome of `job`, which had begun in a child that ended with exit code `code`."""
    if child.ending is not None and child.ending[0] is job:
        return child.ending[1]
    request = child.stop_requests.get(job)
    if request is not None:
        return request.outcome
    if child.ending is None:
        return Died(f"the process that ran the task {_how(code)}")
    # It had just begun when the process was killed because of the job before.
    return child.interruption or Interrupted()


async def end_all(children: Sequence[ChildProcess]) -> None:
    """Ends them, by force if they don't end at once."""
    for child in children:
        child.hang_up()
    ends = [asyncio.create_task(child.exited()) for child in children]
    if ends:
        await asyncio.wait(ends, timeout=EXIT_GRACE_SECONDS)
    await asyncio.gather(*(child.end() for child in children), return_exceptions=True)
    for end in ends:
        end.cancel()


def _how(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
