"""A claimed task with the function it asks for, and what its attempt says while it runs in this process."""

import inspect
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from lapinq_core.domain.errors import TimeLimit
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.context import Transaction
from lapinq_core.domain.tasks.handling import Handling
from lapinq_core.domain.tasks.retry import RetryPolicy
from lapinq_worker.running.attempt_log import AttemptLog
from lapinq_worker.running.host import Host
from lapinq_worker.running.run_time import RunTime

_arguments = msgspec.json.Decoder(list[Any])
_keywords = msgspec.json.Decoder(dict[str, Any])
_EMPTY = 2  # the length of "[]" and "{}"


class Target:
    """A function, whether calling it gives a coroutine, how long it takes, and what its decorator says."""

    __slots__ = ("function", "handling", "is_coroutine", "run_time")

    def __init__(self, function: Callable[..., Any], handling: Handling | None = None) -> None:
        self.function = function
        self.handling = handling
        self.is_coroutine = inspect.iscoroutinefunction(function)
        self.run_time = RunTime()


class Job:
    """What the dispatcher hands to a pool. `expires` is when it must no longer be started, by clocks.elapsed.

    While its function runs in this process it stands behind `current_task()`: see
    `lapinq_core.domain.tasks.context.Attempt`.
    """

    __slots__ = (
        "claim",
        "expires",
        "host",
        "is_cancelled",
        "is_committed",
        "is_ended",
        "is_lost",
        "log",
        "said",
        "started",
        "target",
    )

    def __init__(self, claim: Claim, target: Target, host: Host, asked: float = 0.0) -> None:
        """`asked` is when the claim was sent off, by the same clock; it matters where the task has a time to live."""
        self.claim = claim
        self.target = target
        self.host = host
        self.expires = None if claim.expires_in is None else asked + claim.expires_in
        self.started = 0.0  # time.perf_counter, set by the pool
        self.is_cancelled = False  # somebody asked for its stop
        self.is_committed = False  # it ended itself, in a transaction of its own
        self.is_ended = False  # and what it logged is on its way with that
        self.is_lost = False  # it was given to another worker
        self.log: AttemptLog | None = None
        self.said: tuple[int, str | None] | None = None  # the last word on its progress

    @property
    def policy(self) -> RetryPolicy:
        """What the task and its function say about retries."""
        handling = self.target.handling
        policy = self.claim.policy
        if handling is None:
            return policy
        return msgspec.structs.replace(
            policy,
            schedule=handling.retry,
            retries_time_limit=not issubclass(TimeLimit, handling.no_retry_for),
        )

    @property
    def time_limit(self) -> float:
        """Seconds that this attempt may take."""
        return self.host.limits.time_limit_of(self.claim)

    @property
    def id(self) -> str:
        return self.claim.id

    @property
    def token(self) -> str:
        """That of its claim."""
        return self.claim.token

    @property
    def task_name(self) -> str:
        return self.claim.task_name

    @property
    def module_path(self) -> str:
        return self.claim.module_path

    @property
    def queue_name(self) -> str:
        return self.claim.queue_name

    @property
    def attempt(self) -> int:
        return self.claim.attempt

    @property
    def max_retries(self) -> int:
        return self.claim.max_retries

    @property
    def metadata(self) -> Mapping[str, Any]:
        return decode_metadata(self.claim.metadata)

    @property
    def request_id(self) -> str | None:
        return self.claim.request_id

    @property
    def enqueued_at(self) -> datetime | None:
        at = self.claim.enqueued_at
        return None if at is None else datetime.fromtimestamp(at, UTC)

    @property
    def deadline(self) -> datetime:
        left = self.started + self.time_limit - time.perf_counter()
        return datetime.now(UTC) + timedelta(seconds=left)

    @property
    def claim_seq(self) -> int:
        return self.claim.claim_seq

    @property
    def is_lease_lost(self) -> bool:
        return self.is_lost or not self.host.lease_is_current()

    def report_progress(self, percent: int, message: str | None) -> None:
        self.said = (percent, message)
        self.host.note_progress(self.claim, percent, message)

    def write_log(self, line: str) -> None:
        if self.log is None:
            self.log = AttemptLog()
        self.log.add(line)
        self.host.note_log(self)

    def end_log(self) -> str | None:
        """What it logged, to be stored with its end; None for nothing."""
        if self.log is None:
            return None
        self.is_ended = True
        return self.log.text()

    def log_text(self) -> str | None:
        """What it logged so far, None for nothing."""
        return None if self.log is None else self.log.text()

    def transaction(self, result: Any) -> Transaction:
        from lapinq_worker.running.transaction import AttemptTransaction

        return AttemptTransaction(self, result)

    def database_url(self) -> str | None:
        """Where its end is to be written."""
        return self.host.database_url

    def committed(self) -> None:
        """It ended itself."""
        self.is_committed = True


def decode_arguments(
    args: bytes | msgspec.Raw, kwargs: bytes | msgspec.Raw
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments from their JSON text."""
    return (
        [] if len(args) == _EMPTY else _arguments.decode(args),
        {} if len(kwargs) == _EMPTY else _keywords.decode(kwargs),
    )


def decode_metadata(metadata: bytes | msgspec.Raw | None) -> dict[str, Any]:
    """What was enqueued with a task, from its JSON text; nothing for nothing."""
    return {} if metadata is None or bytes(metadata) == b"null" else _keywords.decode(metadata)
