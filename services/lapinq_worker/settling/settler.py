"""Writes how attempts ended to the database, in natural batches.

The first outcome goes out at once; those that arrive while it is in flight share the next statement: quick when idle,
large batches when busy. While the database is down, read-only or overloaded, outcomes wait in bounded memory (`is_full`
tells the fetcher), and go out again over a new connection, in smaller batches (`outcome_buffer`). A statement whose
answer is lost is sent again; the token tells what it had already written. An outcome whose claim was lost in the
meantime is dropped and counted.

Only a value that the database can't store (`REFUSED`) changes an outcome: the batch is halved until the outcome stands
alone, and then a failure that says so is written in its place. Any other error leaves outcomes as they are.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar, assert_never

import msgspec
import psycopg
from psycopg import errors as pg

from lapinq_core.db.errors import is_away
from lapinq_core.db.pinned_session import PinnedSession
from lapinq_core.db.pool import PinnedConnection, connect_pinned
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import (
    Complete,
    Drop,
    Fail,
    Isolation,
    Next,
    Nothing,
    Release,
    Retry,
    decide,
)
from lapinq_core.domain.tasks.outcome import Committed, Completed, Outcome
from lapinq_core.runtime.failure_log import FailureLog
from lapinq_core.runtime.threads import any_thread
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended, ended_as
from lapinq_worker.running.failures import FailureTally
from lapinq_worker.running.job import Job
from lapinq_worker.running.tally import COMPLETED, FAILED, Tally, outcome_of
from lapinq_worker.settling import limit_ends
from lapinq_worker.settling.completion_notices import CompletionNotices
from lapinq_worker.settling.end_log import EndLog, log_lost
from lapinq_worker.settling.limit_ends import LimitEnd, size_of_limit_end
from lapinq_worker.settling.outcome_buffer import Done, OutcomeBuffer, size_of_done, size_of_end

MAX_BACKLOG = 20_000
MAX_BACKLOG_CHARACTERS = 256 * 1024 * 1024
STATEMENT_DEADLINE_SECONDS = 20.0
PROGRESS_SECONDS = 2.0
INITIAL_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 2.0

FEW_OUTCOMES = 8
"""Up to this many outcomes are written on the connection that claims tasks."""
BORROW_SECONDS = 0.02
OWN_SECONDS = 10.0
"""How long it keeps a separate connection, after it needed one."""

log = logging.getLogger(__name__)

_UNSTORABLE_ERROR = "the attempt failed, and its error can't be stored"

REFUSED: tuple[type[psycopg.Error], ...] = (psycopg.DataError, pg.ProgramLimitExceeded)
"""The database refuses a value in the statement, and would refuse it again."""

T = TypeVar("T")


class Settler:
    """One event loop owns it. The way of an outcome::

        add ──▸ decide ──▸ OutcomeBuffer: for completions, for the rest, and for both if they change named limits
        run ──▸ before_write ──▸ complete, settle or limit_ends ──▸ notices, on_ready

    It calls `on_ready` with the queues in which a retried task may start at once, `on_delayed` with the seconds after
    which another one is due, and `on_written` after each write, when places of limits may be free. It awaits
    `before_write` with the connection before it writes anything there; that may fail. `notices` and `tally` hear of the
    ends that are written, and of all ends; `failed` of those that failed.
    """

    def __init__(
        self,
        url: str,
        on_ready: Callable[[Iterable[str]], None],
        *,
        on_delayed: Callable[[float], None] = lambda _seconds: None,
        on_written: Callable[[], None] = lambda: None,
        before_write: Callable[[PinnedConnection], Awaitable[None]] | None = None,
        notices: CompletionNotices | None = None,
        tally: Tally | None = None,
        failed: FailureTally | None = None,
        shared: PinnedSession | None = None,
    ) -> None:
        """While little ends it borrows `shared`, and has a connection of its own only when more does."""
        self._url = url
        self._shared = shared
        self._on_ready = on_ready
        self._on_delayed = on_delayed
        self._on_written = on_written
        self._before_write = before_write
        self._notices = notices
        self._tally = tally or Tally()
        self._ends = self._tally.ends
        self._failed = failed or FailureTally()
        self._end_log = EndLog()
        self._done = OutcomeBuffer(size_of_done)
        self._ended = OutcomeBuffer(size_of_end)
        self._limit_ends = OutcomeBuffer(size_of_limit_end)
        self._some = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._connection: PinnedConnection | None = None
        self._own_until = 0.0  # by time.monotonic
        self._failures = FailureLog(log, "outcomes wait to be written", is_away)
        self.lost_count = 0
        self.completed_count = 0
        self.failed_count = 0
        self.retried_count = 0

    @property
    def is_full(self) -> bool:
        """Whether too many outcomes wait to be written to start more tasks."""
        return (
            len(self._done) + len(self._ended) + len(self._limit_ends) > MAX_BACKLOG
            or self._done.characters + self._ended.characters + self._limit_ends.characters
            > MAX_BACKLOG_CHARACTERS
        )

    def add(
        self, job: Job, outcome: Outcome, seconds: float, *, isolation: Isolation = Isolation.NONE
    ) -> None:
        """Takes the outcome of a job that ran for `seconds`. Its next attempt gets at least `isolation`."""
        claim = job.claim
        if type(outcome) is Completed:
            self._end_log.completed(job, seconds)
        if claim.is_transient:
            if type(outcome) is Completed:
                self.completed_count += 1
                self._ends.append((claim.queue_name, claim.task_name, COMPLETED, seconds, claim.id))
            else:
                self.failed_count += 1
                self._tally.ended(claim, FAILED, seconds)
                log_lost(job, outcome, seconds)
            return
        logs = job.end_log()
        if type(outcome) is Completed:
            # A shortcut for the most common outcome; `decide` says the same.
            done = (claim.id, claim.token, outcome.result, seconds, logs)
            if job.spent is None:
                self._done.add(done)
            else:
                self._limit_ends.add(LimitEnd(claim=claim, end=done, spent=job.spent))
            self._ends.append((claim.queue_name, claim.task_name, COMPLETED, seconds, claim.id))
            self.completed_count += 1
        elif job.is_committed:
            self.completed_count += 1
            self._tally.ended(claim, COMPLETED, seconds)
            self._end_log.completed(job, seconds)
            if type(outcome) is not Committed:
                log.warning(
                    "task %s was completed in a transaction of its own, and then: %s", claim.id, outcome
                )
            if self._notices:
                self._notices.ended((claim.id,))
            self._on_written()
            return
        else:
            following = decide(job.policy, claim.attempt, outcome, random.random())  # noqa: S311  # jitter
            if isinstance(following, Retry) and isolation > following.isolation:
                following = msgspec.structs.replace(following, isolation=isolation)
            self._tally.ended(claim, outcome_of(outcome, following), seconds)
            if type(following) is Fail or type(following) is Retry:
                self._failed.ended(claim, following)
            self._end_log.ended(job, outcome, following, seconds)
            self._settle_as(claim, following, seconds, logs, job.spent)
        self._some.set()
        self._empty.clear()

    def _settle_as(
        self,
        claim: Claim,
        following: Next,
        seconds: float,
        logs: str | None,
        spent: Mapping[str, float] | None,
    ) -> None:
        match following:
            case Complete(result=result):
                self._done.add((claim.id, claim.token, result, seconds, logs))
                self.completed_count += 1
            case Fail() | Retry() | Release() | Drop():
                end = ended_as(claim.id, claim.token, following, seconds)
                if logs is not None:
                    end = msgspec.structs.replace(end, logs=logs)
                closing = following.closing if isinstance(following, Release) else None
                if spent is None and closing is None:
                    self._ended.add(end)
                else:
                    self._limit_ends.add(LimitEnd(claim=claim, end=end, spent=spent or {}, closing=closing))
                self.failed_count += type(following) is Fail
                self.retried_count += type(following) is Retry
                if end.delay > 0:
                    self._on_delayed(end.delay)
            case Nothing():
                pass
            case _:
                assert_never(following)

    def tell_left_out(self) -> None:
        """Call it now and then: logs how many lines on ends were left out."""
        self._end_log.tell_left_out()

    @any_thread
    def waiting(self) -> tuple[list[Done], list[Ended], list[LimitEnd]]:
        """What is not written yet."""
        return self._done.all(), self._ended.all(), self._limit_ends.all()

    def adopt(self, other: "Settler") -> None:
        """Also takes what waits in `other`, whose event loop is blocked. If that wakes up, both write the same."""
        done, ended, limit_ends = other.waiting()
        for one in done:
            self._done.add(one)
        for end in ended:
            self._ended.add(end)
        for one in limit_ends:
            self._limit_ends.add(one)

    async def write_all(self, batch_seconds: float) -> None:
        """Writes everything, instead of `run`. Raises when that fails or a batch takes over `batch_seconds`; call it
        again then."""
        try:
            while self._done or self._ended or self._limit_ends:
                await self._write_some(batch_seconds)
        finally:
            await self._disconnect()

    async def flushed(self) -> None:
        """Returns once everything added so far is written."""
        await self._empty.wait()

    async def run(self) -> None:
        """Writes, until cancelled."""
        backoff = INITIAL_BACKOFF_SECONDS
        try:
            while True:
                await self._some.wait()
                try:
                    await self._write_some(STATEMENT_DEADLINE_SECONDS)
                    backoff = INITIAL_BACKOFF_SECONDS
                except Exception as error:  # noqa: BLE001  # a loop's turn: outcomes must be written eventually
                    self._failures.failed(error)
                    await asyncio.sleep(backoff)
                    backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)
        finally:
            self._end_log.tell_left_out(is_last=True)
            await self._disconnect()

    async def _write_some(self, batch_seconds: float) -> None:
        self._tally.count_ends()
        await self._write(self._done, self._complete, batch_seconds)
        await self._write(self._ended, self._settle, batch_seconds)
        await self._write(self._limit_ends, self._end_with_limits, batch_seconds)
        if not (self._done or self._ended or self._limit_ends):
            self._some.clear()
            self._empty.set()

    async def _write(
        self,
        buffer: OutcomeBuffer[T],
        send: Callable[[PinnedConnection, list[T]], Awaitable[Iterable[str]]],
        seconds: float,
    ) -> None:
        """Writes a batch. Raises when it should be tried again later, over a new connection."""
        batch = buffer.batch()
        if not batch:
            return
        self._end_log.flush()
        try:
            async with asyncio.timeout(seconds):
                async with self._connected(len(batch)) as connection:
                    await self._prepare(connection)
                    ids = await send(connection, batch)
        except Exception as error:
            buffer.failed(batch)
            if len(batch) > 1 and not is_away(error):
                return  # the halves go out at once, until the one to blame stands alone
            await self._disconnect()
            raise
        buffer.succeeded(batch)
        if self._notices:
            self._notices.ended(ids)
        self._on_written()

    async def _prepare(self, connection: PinnedConnection) -> None:
        if self._before_write is not None:
            try:
                async with asyncio.timeout(PROGRESS_SECONDS):
                    await self._before_write(connection)
            except Exception as error:  # noqa: BLE001  # no outcome waits for it; a failure of both is logged there
                log.debug("progress could not be written before outcomes: %s", error)

    async def _complete(self, connection: PinnedConnection, done: list[Done]) -> Iterable[str]:
        ids, tokens, results, seconds, logs = zip(*sorted(done), strict=True)
        if not any(logs):
            logs = ()
        try:
            ours = await worker_verbs.complete(connection, ids, tokens, results, seconds, logs)
        except REFUSED as error:
            if len(done) > 1:
                raise
            self._ended.add(_without_result(done[0], error))
            return ()
        if ours < len(done):
            await self._count_lost(connection, ids, tokens)
        return ids

    async def _settle(self, connection: PinnedConnection, ended: list[Ended]) -> Iterable[str]:
        ended = sorted(ended, key=lambda end: end.id)
        try:
            ours, ready = await worker_verbs.settle(connection, ended)
        except REFUSED as error:
            if len(ended) > 1 or ended[0].error == _UNSTORABLE_ERROR:
                raise
            self._ended.add(_without_error(ended[0], error))
            return ()
        self._on_ready(ready)
        ids = [end.id for end in ended]
        if ours < len(ended):
            await self._count_lost(connection, ids, [end.token for end in ended])
        return ids

    async def _end_with_limits(self, connection: PinnedConnection, ends: list[LimitEnd]) -> Iterable[str]:
        ends = sorted(ends, key=lambda one: one.claim.id)
        try:
            written = await limit_ends.write(connection, ends)
        except REFUSED as error:
            end = ends[0].end
            if len(ends) > 1 or (isinstance(end, Ended) and end.error == _UNSTORABLE_ERROR):
                raise
            instead = _without_error(end, error) if isinstance(end, Ended) else _without_result(end, error)
            self._limit_ends.add(msgspec.structs.replace(ends[0], end=instead))
            return ()
        for claim, following in written.missing:
            log.warning("a task fails: %s", following.error, extra={"task_id": claim.id})
            self._failed.ended(claim, following)
        self._on_ready(written.ready)
        ids = [one.claim.id for one in ends]
        if written.ours < len(ends):
            await self._count_lost(connection, ids, [one.claim.token for one in ends])
        return ids

    async def _count_lost(
        self, connection: PinnedConnection, ids: Iterable[str], tokens: Iterable[str]
    ) -> None:
        ids = list(ids)
        own = await worker_verbs.find_own_attempts(connection, ids, list(tokens))
        lost = [task_id for task_id in ids if task_id not in own]
        self.lost_count += len(lost)
        for task_id in lost[:10]:
            log.warning(
                "dropped the outcome of a task that was given to another worker meanwhile",
                extra={"task_id": task_id},
            )

    @asynccontextmanager
    async def _connected(self, outcomes: int) -> AsyncGenerator[PinnedConnection]:
        now = time.monotonic()
        if self._shared is not None and outcomes <= FEW_OUTCOMES and now >= self._own_until:
            async with self._shared.lend(BORROW_SECONDS) as lent:
                if lent is not None:
                    await self._disconnect()
                    yield lent
                    return
        self._own_until = now + OWN_SECONDS
        yield self._connection or await self._connect()

    async def _connect(self) -> PinnedConnection:
        self._connection = await connect_pinned(self._url, "lapinq-worker settle")
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close()


def _without_result(done: Done, error: psycopg.Error) -> Ended:
    task_id, token, _, seconds, _ = done
    reason = error.diag.message_primary or str(error)
    log.error("a task fails: its result can't be stored: %s", reason, extra={"task_id": task_id})
    following = Fail(f"the function ran to its end, but its result can't be stored: {reason}")
    return ended_as(task_id, token, following, seconds)


def _without_error(end: Ended, error: psycopg.Error) -> Ended:
    log.warning("the error of task %s can't be stored: %s", end.id, error)
    return msgspec.structs.replace(end, error=_UNSTORABLE_ERROR, traceback=None, logs=None)
