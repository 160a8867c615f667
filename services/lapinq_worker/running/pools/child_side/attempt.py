"""The attempt behind `current_task()` in a child process (`lapinq_core.domain.tasks.context.Attempt`)."""

import asyncio
import contextlib
import queue
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lapinq_core.domain.errors import LapinqError, LeaseLost, NoTask, StepRefused
from lapinq_core.domain.tasks.context import Transaction
from lapinq_core.domain.tasks.durable.calls import Calls, Storing
from lapinq_core.domain.tasks.durable.messages import Answer, Request
from lapinq_core.domain.tasks.outcome import Outcome
from lapinq_worker.running.attempt_log import MAX_LINE, AttemptLog
from lapinq_worker.running.job import LOOK_SECONDS, NOT_STORED, Target, decode_metadata
from lapinq_worker.running.pools.child_side.channel import Channel
from lapinq_worker.running.pools.child_side.frames import Ask, Call, Failed, LogLine, Spend
from lapinq_worker.running.pools.child_side.incoming import Deliver, Incoming
from lapinq_worker.running.pools.child_side.shared_page import SharedPage
from lapinq_worker.running.pools.child_side.time_limit_signal import TimeLimitSignal
from lapinq_worker.running.spends import with_spend

MAX_QUESTIONS = 500
"""Of one coroutine, that wait for their answers. The worker keeps them in memory."""


class WorkerLink:
    """The ways to and from the worker, shared by all calls of a child. A result of a step may have `max_payload_size`
    bytes."""

    def __init__(
        self,
        channel: Channel,
        incoming: Incoming,
        page: SharedPage,
        time_limit: TimeLimitSignal,
        *,
        database_url: str | None = None,
        max_payload_size: int = 1024 * 1024,
    ) -> None:
        self.channel = channel
        self.incoming = incoming
        self.page = page
        self.time_limit = time_limit
        self.database_url = database_url
        self.max_payload_size = max_payload_size


class ChildAttempt:
    """Call number `number` of `target`, running since `started`, by time.perf_counter."""

    __slots__ = (
        "_asked",
        "_calls",
        "_details",
        "_number",
        "_questions",
        "_target",
        "_worker",
        "is_committed",
        "last_progress",
        "log",
        "spent",
        "started",
    )

    def __init__(
        self, worker: WorkerLink, number: int, asked: Call, target: Target | None, started: float
    ) -> None:
        self._worker = worker
        self._number = number
        self._asked = asked
        self._target = target
        self._calls: Calls | None = None
        self._questions: asyncio.Semaphore | None = None
        self._details = asked.details
        self.started = started
        self.is_committed = False
        self.last_progress: tuple[int, str | None] | None = None
        self.log: AttemptLog | None = None  # a copy, for an attempt that completes itself
        self.spent: dict[str, float] | None = None  # as well

    @property
    def id(self) -> str:
        return self._details.id

    @property
    def token(self) -> str:
        """The token of its claim."""
        return self._details.token

    @property
    def task_name(self) -> str:
        return self._asked.task_name

    @property
    def module_path(self) -> str:
        return self._asked.module_path

    @property
    def queue_name(self) -> str:
        return self._details.queue_name

    @property
    def attempt(self) -> int:
        return self._details.attempt

    @property
    def max_retries(self) -> int:
        return self._details.max_retries

    @property
    def metadata(self) -> Mapping[str, Any]:
        return decode_metadata(self._details.metadata)

    @property
    def request_id(self) -> str | None:
        return self._details.request_id

    @property
    def workflow_id(self) -> str | None:
        return self._details.workflow_id

    @property
    def enqueued_at(self) -> datetime | None:
        at = self._details.enqueued_at
        return None if at is None else datetime.fromtimestamp(at, UTC)

    @property
    def deadline(self) -> datetime:
        left = self.started + self._details.time_limit - time.perf_counter()
        return datetime.now(UTC) + timedelta(seconds=left)

    @property
    def claim_seq(self) -> int:
        return self._details.claim_seq

    @property
    def is_cancelled(self) -> bool:
        return self._worker.page.is_cancelled(self._number)

    @property
    def is_lease_lost(self) -> bool:
        return self._worker.page.is_lost(self._number)

    def report_progress(self, percent: int, message: str | None) -> None:
        self.last_progress = (percent, message)
        self._worker.page.report_progress(self._number, percent, message)

    def write_log(self, line: str) -> None:
        # One character more than is kept shows the worker that it was longer.
        line = line[: MAX_LINE + 1].encode("utf-8", "backslashreplace").decode()
        self._worker.channel.send(LogLine(self._number, line))
        self._worker.time_limit.raise_deferred()
        if self.log is None:
            self.log = AttemptLog()
        self.log.add(line)

    def log_text(self) -> str | None:
        """What it has logged so far, None for nothing."""
        return None if self.log is None else self.log.text()

    def spend(self, limit: str, units: float) -> None:
        self.spent = with_spend(self.spent, limit, units)
        self._worker.channel.send(Spend(self._number, limit, units))
        self._worker.time_limit.raise_deferred()

    @property
    def durable(self) -> Calls:
        """Its steps and waits."""
        if self._calls is None:
            if not self.id:
                raise NoTask(NOT_STORED)
            self._calls = Calls(self)
        return self._calls

    def end(self, outcome: Outcome) -> Outcome:
        """The function has ended so; returns how the attempt has."""
        if self._calls is None:
            return outcome
        self._calls.end()
        return self._calls.checked(outcome)

    @property
    def is_coroutine(self) -> bool:
        return self._target is not None and self._target.is_coroutine

    @property
    def version(self) -> str | None:
        """That of its function."""
        return None if self._target is None else self._target.version

    @property
    def max_payload_size(self) -> int:
        return self._worker.max_payload_size

    def ask(self, request: Request) -> Answer:
        """In any thread."""
        answer: queue.SimpleQueue[Answer | Failed] = queue.SimpleQueue()
        number = self._ask(request, answer.put)
        while True:
            try:
                return _read(answer.get(timeout=LOOK_SECONDS))
            except queue.Empty:
                self._give_up_lost(number)

    async def aask(self, request: Request) -> Answer:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer | Failed] = loop.create_future()

        def deliver(found: Answer | Failed) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the function has ended
                loop.call_soon_threadsafe(lambda: answer.done() or answer.set_result(found))

        if self._questions is None:
            self._questions = asyncio.Semaphore(MAX_QUESTIONS)
        async with self._questions:
            number = self._ask(request, deliver)
            try:
                while not answer.done():
                    await asyncio.wait((answer,), timeout=LOOK_SECONDS)
                    self._give_up_lost(number)
            finally:
                self._worker.incoming.forget(number)
        return _read(answer.result())

    def _ask(self, request: Request, deliver: Deliver) -> int:
        self._worker.channel.check_ours()
        number = self._worker.incoming.expect(deliver)
        self._worker.channel.send(Ask(self._number, number, request))
        self._worker.time_limit.raise_deferred()
        return number

    def _give_up_lost(self, number: int) -> None:
        if self.is_lease_lost:
            self._worker.incoming.forget(number)
            raise LeaseLost

    def storing(self, connection: object) -> Storing:
        from lapinq._client.transaction.step import StepInTransaction

        return StepInTransaction(connection, self.id, self.token)

    def transaction(self, result: Any) -> Transaction:
        from lapinq_worker.running.transaction import AttemptTransaction

        return AttemptTransaction(self, result)

    def database_url(self) -> str | None:
        """Where an attempt that completes itself writes."""
        return self._worker.database_url

    def committed(self) -> None:
        """It completed itself."""
        self.is_committed = True
        self._worker.page.commit(self._number)


def _read(answer: Answer | Failed) -> Answer:
    if isinstance(answer, Failed):
        raise (StepRefused if answer.is_refused else LapinqError)(answer.error)
    return answer
