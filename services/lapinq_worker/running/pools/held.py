"""What children hold, as it is to be settled when nothing more can be learned of it."""

import time
from collections.abc import Iterable

from lapinq_core.domain.tasks.outcome import Interrupted, Outcome, Unstarted
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.children.child_process import ChildProcess
from lapinq_worker.running.pools.children.unread import unread_reports
from lapinq_worker.running.pools.verdict import verdict

END_SECONDS = 1.0


def held_by(
    children: Iterable[ChildProcess], waiting: Iterable[list[Job]]
) -> list[tuple[Job, Outcome, float]]:
    """The jobs of `children`, and of the chunks that are `waiting` for one, with outcome and run time; any thread may
    ask while the event loop is stuck."""
    now = time.perf_counter()
    give_up = time.monotonic() + END_SECONDS
    found: list[tuple[Job, Outcome, float]] = [(job, Unstarted(), 0.0) for jobs in waiting for job in jobs]
    for child in children:
        reports = unread_reports(child, give_up)
        position = child.position
        for place, job in enumerate(list(child.jobs)):
            order = child.orders.get(job)
            if (report := reports.get(job)) is not None:
                job.is_committed = report.is_committed
                outcome = verdict(job, report.outcome, None if order is None else order.outcome)
                found.append((job, outcome, report.seconds))
            elif place > position:
                found.append((job, Unstarted() if order is None else order.outcome, 0.0))
            else:
                outcome = Interrupted() if order is None else order.outcome
                found.append((job, outcome, now - child.handed_over))
        found += [(job, Unstarted(), 0.0) for job in child.behind]
    return found
