"""What children hold, as it is to be settled when nothing more can be learned of it."""

import time
from collections.abc import Iterable

from lapinq_core.domain.outcome import Interrupted, Outcome, Unstarted
from lapinq_worker.job import Job
from lapinq_worker.pools.child_process import ChildProcess


def held_by(
    children: Iterable[ChildProcess], waiting: Iterable[list[Job]]
) -> list[tuple[Job, Outcome, float]]:
    """The jobs of `children`, and of the chunks that are `waiting` for one, with outcome and run time; any thread may
    ask while the event loop is stuck."""
    now = time.perf_counter()
    found: list[tuple[Job, Outcome, float]] = [(job, Unstarted(), 0.0) for jobs in waiting for job in jobs]
    for child in children:
        position = child.position
        for place, job in enumerate(list(child.jobs)):
            if job in child.taken_out:
                continue
            if place > position:
                found.append((job, Unstarted(), 0.0))
            else:
                order = child.orders.get(job)
                outcome = Interrupted() if order is None else order.outcome
                found.append((job, outcome, now - child.handed_over))
        found += [(job, Unstarted(), 0.0) for job in child.behind]
    return found
