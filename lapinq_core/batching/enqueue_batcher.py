"""Natural batching: tasks that arrive one by one are stored together.

The first is stored as soon as a turn of the loop brings no other. Those that arrive while that statement is in flight
go into the next. So a quiet server answers quickly, and a busy one stores hundreds of tasks with one commit, and
answers after it. When a notification may go out at that moment, it goes along with the tasks
(`lapinq_core.intake.announced`).

A request whose idempotency key is held by another request is retried until its time is up. It waits here, not in the
database, where it would block a connection and the tasks stored with it. A request with unique keys shares no
statement, and takes turns with others of these keys (`key_turns`).
"""

import asyncio
import contextvars
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

import msgspec
import psycopg

from lapinq_core.batching.database import Database, Overloaded
from lapinq_core.batching.key_turns import KeyTurns
from lapinq_core.batching.known_limits import KnownLimits
from lapinq_core.db.errors import DatabaseUnavailable, ValueRefused
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.requests.rerun import FromStep
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.announced import may_start_now
from lapinq_core.intake.enqueueing import Taken
from lapinq_core.intake.idempotency import (
    Answered,
    Asked,
    Earlier,
    Key,
    KeyHeld,
    store,
)
from lapinq_core.intake.unique_keys import keys_of
from lapinq_core.people.audit import Author
from lapinq_core.tasks.due_notices import announce

T = TypeVar("T")

MAX_AT_ONCE = 500
ENOUGH = 32
"""Up to this many requests are committed without waiting for a batch: otherwise the server would idle meanwhile."""
MAX_KEYS_AT_ONCE = 100
"""Each takes one of the database's locks. There are a few thousand for all servers together."""
MAX_BYTES_AT_ONCE = 4 * 1024 * 1024
MAX_FLUSHERS = 2
MAX_WAITING = 10_000
BATCH_BYTES_PER_SECOND = 2 * 1024 * 1024
"""What a slow database stores. A large batch gets that much more time than other writes."""
INITIAL_PAUSE_SECONDS = 0.05
MAX_PAUSE_SECONDS = 0.4
"""Before the next try with a held key."""
MAX_KEY_SECONDS = 1.8
"""For a request to wait for its unique keys."""
MIN_TRY_SECONDS = 0.3
"""With less time left there is no other try: a database that is only slow must not count as down."""


class EnqueueBatcher:
    """Stores tasks while `group` lasts. Used by one event loop.

    `notifier` wakes workers; `delayed` wakes the processes that promote delayed tasks.
    """

    def __init__(
        self, database: Database, notifier: Notifier, delayed: Notifier, group: asyncio.TaskGroup
    ) -> None:
        self._database = database
        self._limits = KnownLimits(database)
        self._notifier = notifier
        self._delayed = delayed
        self._group = group
        self._context = contextvars.copy_context()  # not a request's: statements are for several
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Entry] = deque()
        self._flushers = 0
        self._is_gathering = False  # one flusher, whose next statement takes all that wait
        self._turns = KeyTurns()
        self._paused = 0  # requests that wait for a held key

    async def put(self, task: NewTask, size: int, key: Key | None = None) -> Earlier | Answered | None:
        """Returns when `task`, `size` bytes as received, is stored: None, or what an earlier request got
        with the same `key` or the same id of the task, or what a task with a unique key met.

        Raises `InvalidValue` for a limit that does not exist or never lets the task start, `ValueRefused`,
        `Overloaded`, `KeyHeld` when another request with the same key has not ended within the budget of a write,
        `UniqueConflict`, and `DatabaseUnavailable`, after which the task may be stored anyway.
        """
        self._database.check()
        if task.unique_key is not None:
            return await self.put_all([task], size, key)
        if task.limits:
            await self._limits.check([task])
        if len(self._waiting) + self._paused >= MAX_WAITING:
            raise Overloaded
        entry = _Entry(
            Asked([task], key), size, self._loop.create_future(), self._loop.time() + self._database.budget
        )
        self._append(entry)
        return await entry.stored

    async def put_all(
        self,
        tasks: Sequence[NewTask],
        size: int,
        key: Key | None = None,
        *,
        by: Author | None = None,
        rerun_of: str | None = None,
        from_step: FromStep | None = None,
        numbered: bool = False,
    ) -> Earlier | Answered | None:
        """Like `put`, for several tasks: stores all or none. `by`, `rerun_of` and `from_step` are those of `Asked`.
        With `numbered` errors name the number of the task."""
        store_them = partial(_store_one, asked=Asked(tasks, key, by, rerun_of, from_step))
        return await self.put_with(store_them, tasks, size, numbered=numbered)

    async def put_with(
        self,
        store_them: Callable[[psycopg.AsyncConnection], Awaitable[tuple[T, Taken]]],
        tasks: Sequence[NewTask],
        size: int,
        *,
        numbered: bool = False,
        seconds: float = 0.0,
    ) -> T:
        """Like `put_all`, but `store_them` stores `tasks`, and tells the answer and what to announce.

        It is called again while it raises `KeyHeld`. It may take `seconds`, if that is more than other writes.
        """
        await self._limits.check(tasks, numbered=numbered)
        until = self._loop.time() + self._database.budget
        budget = max(self._database.budget, size / BATCH_BYTES_PER_SECOND, seconds)
        keys = keys_of(tasks)
        if not keys:
            answer, taken = await self._try_until(until, budget, store_them)
        else:
            until = min(until, self._loop.time() + MAX_KEY_SECONDS)
            async with self._turns.take(keys, until - MIN_TRY_SECONDS):
                answer, taken = await self._try_until(until, budget, store_them, has_turn=True)
        self._notify(taken, sum(not task.is_blocked for task in tasks))
        return answer

    async def _try_until(
        self,
        until: float,
        budget: float,
        store_them: Callable[[psycopg.AsyncConnection], Awaitable[tuple[T, Taken]]],
        *,
        has_turn: bool = False,
    ) -> tuple[T, Taken]:
        pause = INITIAL_PAUSE_SECONDS
        while True:
            async with self._database.key_turn(until - self._loop.time()) if has_turn else nullcontext():
                try:
                    return await self._database.within(budget, store_them)
                except KeyHeld:
                    if self._loop.time() + pause + MIN_TRY_SECONDS > until:
                        raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    def _notify(self, taken: Taken, tasks: int) -> None:
        if taken.queues:
            self._notifier.wake(taken.queues, math.ceil(tasks / len(taken.queues)))
        announce(self._delayed, taken.due_in)

    def _append(self, entry: "_Entry") -> None:
        self._waiting.append(entry)
        if self._flushers < MAX_FLUSHERS and not self._is_gathering:
            self._flushers += 1
            self._group.create_task(self._flush(), context=self._context)

    async def _flush(self) -> None:
        try:
            while self._waiting and not self._is_gathering:
                await self._gather()
                await self._store(self._next_batch())
        finally:
            self._flushers -= 1

    async def _gather(self) -> None:
        """Returns when a turn of the loop brings no other request, or `ENOUGH` wait."""
        self._is_gathering = True
        try:
            before = 0
            while before < len(self._waiting) < ENOUGH:
                before = len(self._waiting)
                await asyncio.sleep(0)
        finally:
            self._is_gathering = False

    def _next_batch(self) -> list["_Entry"]:
        """Takes the oldest waiting requests that fit into one statement."""
        entries: list[_Entry] = []
        left, keys = MAX_BYTES_AT_ONCE, MAX_KEYS_AT_ONCE
        while self._waiting and len(entries) < MAX_AT_ONCE and left > 0 and keys > 0:
            entry = self._waiting.popleft()
            left -= entry.size
            keys -= entry.asked.key is not None
            entries.append(entry)
        return entries

    async def _store(self, entries: list["_Entry"]) -> None:
        """Stores `entries` and completes each. Raises nothing but a cancellation."""
        budget = entries[0].deadline - self._loop.time()
        try:
            if budget <= 0:
                raise DatabaseUnavailable("no answer in time")
            asked = [entry.asked for entry in entries]
            announced = _can_announce(asked) and self._notifier.take_turn()
            answers, taken = await self._database.within(budget, store, asked, announced=announced)
        except ValueRefused as error:
            if len(entries) == 1:
                entries[0].refuse(error)
                return
            # One of them caused it. Split, so that the others are stored.
            middle = len(entries) // 2
            await self._store(entries[:middle])
            await self._store(entries[middle:])
        except Exception as error:  # noqa: BLE001  # passed to each request
            for entry in entries:
                entry.refuse(error)
        else:
            self._notify(taken, len(entries))
            for entry, answer in zip(entries, answers, strict=True):
                if isinstance(answer, KeyHeld):
                    self._pause(entry, answer)
                else:
                    entry.accept(answer)

    def _pause(self, entry: "_Entry", held: KeyHeld) -> None:
        """Queues it again after a pause, unless its time will be up by then."""
        if self._loop.time() + entry.pause + MIN_TRY_SECONDS > entry.deadline:
            entry.refuse(held)
            return
        self._paused += 1
        self._loop.call_later(entry.pause, self._resume, entry)
        entry.pause = min(entry.pause * 2, MAX_PAUSE_SECONDS)

    def _resume(self, entry: "_Entry") -> None:
        self._paused -= 1
        if not entry.stored.done():  # else its client has disconnected
            self._append(entry)


async def _store_one(conn: psycopg.AsyncConnection, asked: Asked) -> tuple[Earlier | Answered | None, Taken]:
    [answer], taken = await store(conn, [asked])
    if isinstance(answer, KeyHeld):
        raise answer
    return answer, taken


def _can_announce(requests: Sequence[Asked]) -> bool:
    return all(one.key is None and may_start_now(one.tasks) for one in requests)


class _Entry(msgspec.Struct, gc=False):
    """A request, its size in bytes, the future for its answer, its deadline by the loop's clock, and its next pause."""

    asked: Asked
    size: int
    stored: asyncio.Future[Earlier | Answered | None]
    deadline: float
    pause: float = INITIAL_PAUSE_SECONDS

    def accept(self, earlier: Earlier | Answered | None) -> None:
        if not self.stored.done():
            self.stored.set_result(earlier)

    def refuse(self, error: Exception) -> None:
        if not self.stored.done():
            # A new error for each: one raised many times would accumulate tracebacks.
            self.stored.set_exception(type(error)(*error.args) if isinstance(error, LapinqError) else error)
