"""A claimed task with its function, and what its attempt reports while it runs in this process."""

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from lapinq_core.domain.errors import LeaseLost, NoTask
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.context import Transaction
from lapinq_core.domain.tasks.durable.calls import Calls, Storing
from lapinq_core.domain.tasks.durable.messages import Answer, Request
from lapinq_core.domain.tasks.functions.handling import Handling
from lapinq_core.domain.tasks.references import resolve_json
from lapinq_core.domain.tasks.retry import RetryPolicy
from lapinq_worker.running.attempt_log import AttemptLog
from lapinq_worker.running.host import Host
from lapinq_worker.running.run_time import RunTime
from lapinq_worker.running.spends import with_spend

_arguments = msgspec.json.Decoder(list[Any])
_keywords = msgspec.json.Decoder(dict[str, Any])
_EMPTY = 2  # the length of "[]" and "{}"
NOT_STORED = "a fire-and-forget task has no steps that could be stored"
LOOK_SECONDS = 0.5
"""How often an attempt in a thread that waits for an answer looks whether it is lost."""


Text = bytes | msgspec.Raw
Decode = Callable[[Text, Text], tuple[Sequence[Any], dict[str, Any]]]
"""Makes what a function is called with of the JSON text of positional and keyword arguments."""


class Target:
    """A function: whether calling it gives a coroutine, how long it takes, and what its decorator says.

    Call it with what `decode` makes of the task's arguments. `log` is the logger for the start and the completion of
    each attempt, None for neither.
    """

    __slots__ = ("decode", "function", "handling", "is_coroutine", "log", "run_time")

    def __init__(
        self,
        function: Callable[..., Any],
        handling: Handling | None = None,
        decode: Decode | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self.function = function
        self.handling = handling
        self.log = log
        self.decode = decode or decode_arguments
        self.is_coroutine = inspect.iscoroutinefunction(function)
        self.run_time = RunTime()

    @property
    def version(self) -> str | None:
        """That of the steps of a durable task."""
        return None if self.handling is None else self.handling.version


class Job:
    """What the dispatcher hands to a pool. After `expires`, by clocks.elapsed, it must not start.

    While its function runs in this process, `current_task()` gives access to it: see
    `lapinq_core.domain.tasks.context.Attempt`.
    """

    __slots__ = (
        "calls",
        "claim",
        "expires",
        "host",
        "is_cancelled",
        "is_committed",
        "is_ended",
        "is_lost",
        "last_progress",
        "log",
        "spent",
        "started",
        "target",
    )

    def __init__(self, claim: Claim, target: Target, host: Host, asked: float = 0.0) -> None:
        """`asked` is when the claim was sent, by the same clock. It matters if the task has a time to live."""
        self.claim = claim
        self.target = target
        self.host = host
        self.expires = None if claim.expires_in is None else asked + claim.expires_in
        self.started = 0.0  # time.perf_counter, set by the pool
        self.is_cancelled = False  # somebody asked to cancel it
        self.is_committed = False  # it completed itself, in its own transaction
        self.is_ended = False  # and its end carries the log
        self.is_lost = False  # another worker has it
        self.log: AttemptLog | None = None
        self.spent: dict[str, float] | None = None
        self.last_progress: tuple[int, str | None] | None = None
        self.calls: Calls | None = None

    @property
    def policy(self) -> RetryPolicy:
        """The retry policy of the task and its function."""
        handling = self.target.handling
        policy = self.claim.policy
        if handling is None:
            return policy
        return msgspec.structs.replace(
            policy,
            schedule=handling.retry,
            retries_time_limit=handling.retries_time_limit,
        )

    def arguments(self) -> tuple[Text, Text]:
        """The texts of positional and keyword arguments, with the results that they name."""
        claim = self.claim
        if claim.parents is None:
            return claim.args, claim.kwargs
        return resolve_json(claim.args, claim.parents), resolve_json(claim.kwargs, claim.parents)

    @property
    def time_limit(self) -> float:
        """In seconds."""
        return self.host.limits.time_limit_of(self.claim)

    @property
    def id(self) -> str:
        return self.claim.id

    @property
    def token(self) -> str:
        """The token of its claim."""
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
    def workflow_id(self) -> str | None:
        return self.claim.workflow_id

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
        self.last_progress = (percent, message)
        self.host.note_progress(self.claim, percent, message)

    def write_log(self, line: str) -> None:
        if self.log is None:
            self.log = AttemptLog()
        self.log.add(line)
        self.host.note_log(self)

    def end_log(self) -> str | None:
        """What it logged, for its end; None for nothing."""
        if self.log is None:
            return None
        self.is_ended = True
        return self.log.text()

    def log_text(self) -> str | None:
        """What it has logged so far, None for nothing."""
        return None if self.log is None else self.log.text()

    def spend(self, limit: str, units: float) -> None:
        self.spent = with_spend(self.spent, limit, units)

    @property
    def durable(self) -> Calls:
        """Its steps and waits."""
        if self.calls is None:
            if not self.id:
                raise NoTask(NOT_STORED)
            self.calls = Calls(self)
        return self.calls

    @property
    def is_coroutine(self) -> bool:
        return self.target.is_coroutine

    @property
    def version(self) -> str | None:
        """That of its function."""
        return self.target.version

    @property
    def max_payload_size(self) -> int:
        return self.host.max_payload_size

    def ask(self, request: Request) -> Answer:
        """In a thread."""
        loop = self.host.loop
        assert loop is not None, "the pool of threads sets it"
        answer = asyncio.run_coroutine_threadsafe(self.aask(request), loop)
        while True:
            try:
                return answer.result(LOOK_SECONDS)
            except TimeoutError:
                if answer.done():
                    raise
                if self.is_lost:
                    answer.cancel()
                    raise LeaseLost from None

    async def aask(self, request: Request) -> Answer:
        return await self.host.ask(self.claim, request)

    def storing(self, connection: object) -> Storing:
        from lapinq._client.transaction.step import StepInTransaction

        return StepInTransaction(connection, self.id, self.token)

    def transaction(self, result: Any) -> Transaction:
        from lapinq_worker.running.transaction import AttemptTransaction

        return AttemptTransaction(self, result)

    def database_url(self) -> str | None:
        """Where an attempt that completes itself writes."""
        return self.host.database_url

    def committed(self) -> None:
        """It completed itself."""
        self.is_committed = True


def decode_arguments(args: Text, kwargs: Text) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments from their JSON text."""
    return (
        [] if len(args) == _EMPTY else _arguments.decode(args),
        {} if len(kwargs) == _EMPTY else _keywords.decode(kwargs),
    )


def decode_metadata(metadata: Text | None) -> dict[str, Any]:
    """A task's metadata from its JSON text; empty if there is none."""
    return {} if metadata is None or bytes(metadata) == b"null" else _keywords.decode(metadata)
