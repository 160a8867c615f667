"""What the end of a function means for a job that was told to stop meanwhile, or that had ended itself before."""

from lapinq_core.domain.tasks.outcome import Cancelled, Committed, Completed, Outcome, Unstorable
from lapinq_worker.running.job import Job


def verdict(job: Job, outcome: Outcome, ordered: Outcome | None) -> Outcome:
    """What `job`, whose function came to `outcome`, ends as; `ordered` is what it was told to stop for, if it was.

    What a function returns after its time limit, or when the worker stops, is kept, for it is done. One that somebody
    asked to stop is cancelled, whatever it returns. A job that ended itself has ended, whatever was ordered.
    """
    has_returned = isinstance(outcome, Completed | Unstorable)
    if job.is_committed:
        return Committed() if has_returned else outcome
    if ordered is None or (has_returned and not isinstance(ordered, Cancelled)):
        return outcome
    return ordered
