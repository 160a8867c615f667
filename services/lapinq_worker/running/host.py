"""How running attempts reach the rest of their worker; all of them share one `Host`."""

from collections.abc import Callable
from typing import Protocol

from lapinq_core.domain.tasks.claim import Claim
from lapinq_worker.running.time_limits import Limits


class LoggingAttempt(Protocol):
    """A running attempt that logs. `started` is by time.perf_counter."""

    started: float
    is_ended: bool
    """Whether its end carries the log."""

    @property
    def id(self) -> str: ...

    @property
    def token(self) -> str: ...

    def log_text(self) -> str | None:
        """What it has logged so far, None for nothing."""
        ...


class Host:
    """`note_progress` takes an attempt's progress and `note_log` an attempt that logged a line, both from any thread.
    `note_profile` takes the profile of an attempt that ends now.

    `lease_is_current` says whether the worker still holds its tasks. Attempts that complete themselves write to
    `database_url`.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        database_url: str | None = None,
        note_progress: Callable[[Claim, int, str | None], None] = lambda _claim, _percent, _message: None,
        note_log: Callable[[LoggingAttempt], None] = lambda _attempt: None,
        note_profile: Callable[[Claim, bytes], None] = lambda _claim, _profile: None,
        lease_is_current: Callable[[], bool] = lambda: True,
    ) -> None:
        self.limits = limits
        self.database_url = database_url
        self.note_progress = note_progress
        self.note_log = note_log
        self.note_profile = note_profile
        self.lease_is_current = lease_is_current
