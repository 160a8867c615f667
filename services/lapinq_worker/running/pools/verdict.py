"""The outcome of a job that was asked to stop while its function ran, or that completed itself before."""

from lapinq_core.domain.tasks.outcome import Cancelled, Committed, Completed, Outcome, Suspended, Unstorable
from lapinq_worker.running.job import Job


def verdict(job: Job, outcome: Outcome, stop_outcome: Outcome | None) -> Outcome:
    """The outcome of `job`, whose function ended as `outcome`; `stop_outcome` if it was asked to stop.

    A result that comes after the time limit, or while the worker stops, is kept: the work is done. So is a suspension.
    A cancelled job stays cancelled, whatever its function returns. A job that completed itself stays completed.
    """
    if job.calls is not None:
        outcome = job.calls.checked(outcome)
    has_returned = isinstance(outcome, Completed | Unstorable)
    if job.is_committed:
        return Committed() if has_returned else outcome
    has_returned |= isinstance(outcome, Suspended)
    if stop_outcome is None or (has_returned and not isinstance(stop_outcome, Cancelled)):
        return outcome
    return stop_outcome
