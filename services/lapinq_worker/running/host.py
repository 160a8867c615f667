"""What a running attempt reaches the rest of its worker through; one for all of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lapinq_core.domain.tasks.claim import Claim
from lapinq_worker.running.limits import Limits

if TYPE_CHECKING:
    from lapinq_worker.running.job import Job


class Host:
    """`note_progress` takes what an attempt says of itself, `note_log` one that logged, both from any thread.

    `lease_is_current` tells whether the worker holds its tasks for all it knows. `database_url` is where attempts that
    end themselves are written.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        database_url: str | None = None,
        note_progress: Callable[[Claim, int, str | None], None] = lambda _claim, _percent, _message: None,
        note_log: Callable[["Job"], None] = lambda _job: None,
        lease_is_current: Callable[[], bool] = lambda: True,
    ) -> None:
        self.limits = limits
        self.database_url = database_url
        self.note_progress = note_progress
        self.note_log = note_log
        self.lease_is_current = lease_is_current
