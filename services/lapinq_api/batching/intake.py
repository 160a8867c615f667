"""Natural batching: tasks that arrive one by one are stored together.

The first goes out at once; what gathers while it is under way goes next, in one statement. So a quiet server
answers quickly, and a busy one stores hundreds for the price of one commit, and answers after it.

A request whose idempotency key another one holds is tried again until its time is up. It waits here, not in the
database, where it would keep a connection and those stored with it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec
import psycopg

from lapinq_api.overload.database import BUDGET_SECONDS, Database
from lapinq_api.wire.errors import Overloaded
from lapinq_core.db.errors import DatabaseUnavailable, ValueRefused
from lapinq_core.db.notifier import Notifier
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.tasks.due_notices import announce
from lapinq_core.tasks.idempotency import Asked, Earlier, Key, KeyHeld, enqueue_once
from lapinq_core.tasks.intake import Taken, take_in

MOST_AT_ONCE = 500
MOST_KEYS_AT_ONCE = 100
"""Each takes one of the locks that the database has room for, some thousands for all servers."""
MOST_BYTES_AT_ONCE = 4 * 1024 * 1024
MOST_FLUSHERS = 2
MOST_WAITING = 10_000
BATCH_BYTES_PER_SECOND = 2 * 1024 * 1024
"""What a slow database stores: a large batch gets as much longer than other writes."""
FIRST_PAUSE_SECONDS = 0.05
LAST_PAUSE_SECONDS = 0.4
"""Before the next try with a key that is held."""
LEAST_TRY_SECONDS = 0.3
"""With less time than that there is no other try: a database that is only slow must not pass for one that is away."""


class Intake:
    """Takes tasks in for as long as `group` lives. Of one event loop.

    `notifier` wakes workers, `delayed` those who make delayed tasks ready.
    """

    def __init__(
        self, database: Database, notifier: Notifier, delayed: Notifier, group: asyncio.TaskGroup
    ) -> None:
        self._database = database
        self._notifier = notifier
        self._delayed = delayed
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Entry] = deque()
        self._flushers = 0
        self._held = 0  # of requests that pause

    async def put(self, task: NewTask, size: int, key: Key | None = None) -> Earlier | None:
        """Returns once `task`, which came in `size` bytes, is stored: None, or what came before with the same key.

        Raises `ValueRefused`, `Overloaded`, within the budget of a write `KeyHeld` when another request with the same
        key has not ended by then, and `DatabaseUnavailable`; then the task may have been stored all the same.
        """
        self._database.check()
        if len(self._waiting) + self._held >= MOST_WAITING:
            raise Overloaded
        entry = _Entry(
            Asked([task], key), size, self._loop.create_future(), self._loop.time() + BUDGET_SECONDS
        )
        self._take_in(entry)
        return await entry.stored

    async def put_all(self, tasks: Sequence[NewTask], size: int, key: Key | None = None) -> Earlier | None:
        """As `put`, for tasks of which all are stored or none."""
        budget = max(BUDGET_SECONDS, size / BATCH_BYTES_PER_SECOND)
        until = self._loop.time() + BUDGET_SECONDS
        pause = FIRST_PAUSE_SECONDS
        while True:
            [answer], taken = await self._database.within(budget, store, [Asked(tasks, key)])
            if not isinstance(answer, KeyHeld):
                self._tell(taken)
                return answer
            if self._loop.time() + pause + LEAST_TRY_SECONDS > until:
                raise answer
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE_SECONDS)

    def _tell(self, taken: Taken) -> None:
        self._notifier.wake(taken.queues)
        announce(self._delayed, taken.due_in)

    def _take_in(self, entry: "_Entry") -> None:
        self._waiting.append(entry)
        if self._flushers < MOST_FLUSHERS:
            self._flushers += 1
            self._group.create_task(self._flush())

    async def _flush(self) -> None:
        try:
            while self._waiting:
                await self._store(self._gathered())
        finally:
            self._flushers -= 1

    def _gathered(self) -> list["_Entry"]:
        """Takes what goes into one statement, the oldest first."""
        entries: list[_Entry] = []
        left, keys = MOST_BYTES_AT_ONCE, MOST_KEYS_AT_ONCE
        while self._waiting and len(entries) < MOST_AT_ONCE and left > 0 and keys > 0:
            entry = self._waiting.popleft()
            left -= entry.size
            keys -= entry.asked.key is not None
            entries.append(entry)
        return entries

    async def _store(self, entries: list["_Entry"]) -> None:
        """Stores `entries`, and tells each how it went; raises nothing but a cancellation."""
        budget = entries[0].deadline - self._loop.time()
        try:
            if budget <= 0:
                raise DatabaseUnavailable("no answer in time")
            answers, taken = await self._database.within(budget, store, [entry.asked for entry in entries])
        except ValueRefused as error:
            if len(entries) == 1:
                entries[0].refuse(error)
                return
            # One of them is to blame: the other half must not pay for it.
            middle = len(entries) // 2
            await self._store(entries[:middle])
            await self._store(entries[middle:])
        except Exception as error:  # noqa: BLE001  # a loop's turn; each request gets to know
            for entry in entries:
                entry.refuse(error)
        else:
            self._tell(taken)
            for entry, answer in zip(entries, answers, strict=True):
                if isinstance(answer, KeyHeld):
                    self._pause(entry, answer)
                else:
                    entry.accept(answer)

    def _pause(self, entry: "_Entry", held: KeyHeld) -> None:
        """Takes it in again after a while, unless its time will be up by then."""
        if self._loop.time() + entry.pause + LEAST_TRY_SECONDS > entry.deadline:
            entry.refuse(held)
            return
        self._held += 1
        self._loop.call_later(entry.pause, self._resume, entry)
        entry.pause = min(entry.pause * 2, LAST_PAUSE_SECONDS)

    def _resume(self, entry: "_Entry") -> None:
        self._held -= 1
        if not entry.stored.done():  # else its client has left
            self._take_in(entry)


async def store(
    conn: psycopg.AsyncConnection, requests: Sequence[Asked]
) -> tuple[Sequence[Earlier | KeyHeld | None], Taken]:
    """Stores the tasks of all requests or none, but for those whose key was used before or is held.

    Answers as `enqueue_once`.
    """
    if any(one.key for one in requests):
        return await enqueue_once(conn, requests)
    tasks = [task for one in requests for task in one.tasks]
    stored = [None] * len(requests)
    if len({task.is_transient for task in tasks}) == 1:
        return stored, await take_in(conn, tasks)  # one statement, which is a transaction by itself
    async with conn.transaction():
        return stored, await take_in(conn, tasks)


class _Entry(msgspec.Struct, gc=False):
    """A request, its size, the future that waits for what came before it, until when by the loop's clock, and its pause
    before the next try."""

    asked: Asked
    size: int
    stored: asyncio.Future[Earlier | None]
    deadline: float
    pause: float = FIRST_PAUSE_SECONDS

    def accept(self, earlier: Earlier | None) -> None:
        if not self.stored.done():
            self.stored.set_result(earlier)

    def refuse(self, error: Exception) -> None:
        if not self.stored.done():
            # An error of its own for each: one that is raised many times gathers all their tracebacks.
            self.stored.set_exception(type(error)(*error.args) if isinstance(error, LapinqError) else error)
