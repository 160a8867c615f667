"""Natural batching: tasks that arrive one by one are stored together.

The first goes out at once; what gathers while it is under way goes next, in one statement. So a quiet server
answers quickly, and a busy one stores hundreds for the price of one commit, and answers after it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec
import psycopg

from lapinq_api.database import BUDGET_SECONDS, Database
from lapinq_api.errors import Overloaded
from lapinq_core.db.errors import DatabaseUnavailable, ValueRefused
from lapinq_core.db.notifier import Notifier
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.task import NewTask
from lapinq_core.queue.intake import enqueue

MOST_AT_ONCE = 500
MOST_BYTES_AT_ONCE = 4 * 1024 * 1024
MOST_FLUSHERS = 2
MOST_WAITING = 10_000
BATCH_BYTES_PER_SECOND = 2 * 1024 * 1024
"""What a slow database stores: a large batch gets as much longer than other writes."""


class Intake:
    """Takes tasks in for as long as `group` lives. Of one event loop."""

    def __init__(self, database: Database, notifier: Notifier, group: asyncio.TaskGroup) -> None:
        self._database = database
        self._notifier = notifier
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Entry] = deque()
        self._flushers = 0

    async def put(self, task: NewTask, size: int) -> None:
        """Returns when `task`, which came in `size` bytes, is stored.

        Raises `ValueRefused`, `Overloaded`, and within the budget of a write `DatabaseUnavailable`; then the
        task may have been stored all the same.
        """
        self._database.check()
        if len(self._waiting) >= MOST_WAITING:
            raise Overloaded
        entry = _Entry(task, size, self._loop.create_future(), self._loop.time() + BUDGET_SECONDS)
        self._waiting.append(entry)
        if self._flushers < MOST_FLUSHERS:
            self._flushers += 1
            self._group.create_task(self._flush())
        await entry.stored

    async def put_all(self, tasks: Sequence[NewTask], size: int) -> None:
        """Returns when all of `tasks` are stored; none is, if it raises `ValueRefused`."""
        budget = max(BUDGET_SECONDS, size / BATCH_BYTES_PER_SECOND)
        self._notifier.wake(await self._database.within(budget, store, tasks))

    async def _flush(self) -> None:
        try:
            while self._waiting:
                await self._store(self._gathered())
        finally:
            self._flushers -= 1

    def _gathered(self) -> list["_Entry"]:
        """Takes what goes into one statement, the oldest first."""
        entries: list[_Entry] = []
        left = MOST_BYTES_AT_ONCE
        while self._waiting and len(entries) < MOST_AT_ONCE and left > 0:
            entry = self._waiting.popleft()
            left -= entry.size
            entries.append(entry)
        return entries

    async def _store(self, entries: list["_Entry"]) -> None:
        """Stores `entries`, and tells each how it went; raises nothing but a cancellation."""
        budget = entries[0].deadline - self._loop.time()
        try:
            if budget <= 0:
                raise DatabaseUnavailable("no answer in time")
            woken = await self._database.within(budget, store, [entry.task for entry in entries])
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
            self._notifier.wake(woken)
            for entry in entries:
                entry.accept()


async def store(conn: psycopg.AsyncConnection, tasks: Sequence[NewTask]) -> set[str]:
    """Stores all of `tasks` or none, and answers the queues in which something may start."""
    if len({task.is_transient for task in tasks}) == 1:
        return await enqueue(conn, tasks)  # one statement, which is a transaction by itself
    async with conn.transaction():
        return await enqueue(conn, tasks)


class _Entry(msgspec.Struct, gc=False):
    """A task, its size, the future its request waits for, and until when by the loop's clock."""

    task: NewTask
    size: int
    stored: asyncio.Future[None]
    deadline: float

    def accept(self) -> None:
        if not self.stored.done():
            self.stored.set_result(None)

    def refuse(self, error: Exception) -> None:
        if not self.stored.done():
            # An error of its own for each: one that is raised many times gathers all their tracebacks.
            self.stored.set_exception(type(error)(*error.args) if isinstance(error, LapinqError) else error)
