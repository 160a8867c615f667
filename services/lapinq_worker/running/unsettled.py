"""A job that is not settled yet, as another thread sees it while the event loop is blocked."""

from typing import NamedTuple

from lapinq_core.domain.tasks.outcome import Outcome
from lapinq_worker.running.job import Job


class Unsettled(NamedTuple):
    """`outcome` is what it ends as if nothing more becomes known, `seconds` its run time so far."""

    job: Job
    outcome: Outcome
    seconds: float
