"""How running attempts reach the rest of their worker; all of them share one `Host`."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from lapinq_core.domain.errors import NoTask
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.durable.messages import Answer, Request
from lapinq_worker.running.time_limits import Limits

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


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


async def _nobody(_claim: Claim, _request: Request) -> Answer:
    raise NoTask("this attempt has no database for its steps")


class Host:
    """`note_progress` takes an attempt's progress and `note_log` an attempt that logged a line, both from any thread.
    `note_profile` takes the profile of an attempt that ends now.

    `ask` answers what a durable task asks, on the worker's event loop; an attempt in a thread finds that in `loop`.

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
        ask: Callable[[Claim, Request], Awaitable[Answer]] = _nobody,
        max_payload_size: int = 1024 * 1024,
    ) -> None:
        self.limits = limits
        self.database_url = database_url
        self.note_progress = note_progress
        self.note_log = note_log
        self.note_profile = note_profile
        self.lease_is_current = lease_is_current
        self.ask = ask
        self.max_payload_size = max_payload_size
        self.loop: AbstractEventLoop | None = None
