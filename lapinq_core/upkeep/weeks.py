"""Dropping a whole week of tasks with its partitions, once all of them may go.

Counting millions of tasks takes long, and nobody should wait for it. So the week is watched instead of locked: a first
call of `lapinq_lock_week` waits for current writers and returns the number of changes so far, which triggers on the
week's partitions advance from then on. Then the week is counted, a window at a time. At the end the same call shows,
under a short lock, whether the number is the same. If so, each task is known to have ended long enough ago, and the
count is exact. Otherwise the week stays for now; its tasks are also deleted in batches (`retention`).

Any number of processes may do this: of two that count the same week one drops it. Default partitions rule out a
concurrent detach, so the drop locks both parents. It waits for that lock only as long as others may wait for it.
"""

import logging
from collections import Counter
from enum import Enum, auto

import msgspec
from psycopg import errors as pg
from psycopg import sql as psql

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.retention import Retention
from lapinq_core.tasks.bulk import FIRST, STEP_SETTINGS, STOPPED

sql = sql_of(__name__)

WINDOW = 10_000
LOCK_SECONDS = 0.5
"""How long to wait for writers of the week."""
PARENT_LOCK_SECONDS = 0.1
"""How long to wait for everybody else, who then waits as long."""

_LOCK_TIMEOUT = psql.SQL("SET LOCAL lock_timeout = {}")

log = logging.getLogger(__name__)


class Busy(msgspec.Struct, frozen=True):
    """Somebody else is creating or dropping partitions."""


class Week(msgspec.Struct, frozen=True):
    """The week that begins on Monday `name` (YYYYMMDD), and whether it is gone."""

    name: str
    is_gone: bool


class Verdict(Enum):
    """What a step of a `WeekCount` found."""

    COUNTING = auto()
    STAYS = auto()
    """A task must stay, or one was changed during the count."""
    LOCKED = auto()
    """The count is over, but others use the tables or the partitions; the next step tries again."""
    GONE = auto()


class WeekCount:
    """The count of a watched week, which its last step drops. Made by `watch_week`."""

    def __init__(self, name: str, keep: Retention, changes: int) -> None:
        self.name = name
        self._keep = msgspec.structs.asdict(keep)
        self._changes = changes
        self._after = FIRST
        self._tasks: Counter[tuple[str, str]] = Counter()  # by queue and final status
        self._is_counted = False

    async def step(self, conn: PooledConnection) -> Verdict:
        """Counts the next window, or drops the week. Repeat it until the verdict is GONE or STAYS."""
        try:
            async with conn.transaction():
                return await (self._drop(conn) if self._is_counted else self._count(conn))
        except pg.UndefinedTable:
            return Verdict.STAYS  # another process has dropped it
        except STOPPED as error:
            log.info("the week of %s stays for now: %s", self.name, error)
            return Verdict.LOCKED if self._is_counted else Verdict.STAYS

    async def _count(self, conn: PooledConnection) -> Verdict:
        await conn.execute(STEP_SETTINGS)
        params = {**self._keep, "after": self._after, "limit": WINDOW}
        rows = await all_rows(conn, _of_week("count_week", self.name), params, prepare=False)
        if any(over < tasks for _queue, _status, tasks, over, _last in rows):
            return Verdict.STAYS
        for queue, status, tasks, _over, _last in rows:
            self._tasks[queue, status] += tasks
        self._after = max((row[-1] for row in rows), default=self._after)
        self._is_counted = sum(row[2] for row in rows) < WINDOW
        return Verdict.COUNTING

    async def _drop(self, conn: PooledConnection) -> Verdict:
        await _wait_at_most(conn, PARENT_LOCK_SECONDS)
        if not await _may_change_partitions(conn):
            return Verdict.LOCKED
        # In the order in which everybody locks: the parents, then a partition.
        await conn.execute(sql("lock_parents"))
        if await _lock(conn, self.name) != self._changes:
            return Verdict.STAYS
        params = {
            "queues": [queue for queue, _ in self._tasks],
            "statuses": [status for _, status in self._tasks],
            "tasks": list(self._tasks.values()),
        }
        await conn.execute(sql("uncount_week"), params)
        await conn.execute(_of_week("drop_week", self.name))
        log.info("dropped the week of %s with %d tasks", self.name, self._tasks.total())
        return Verdict.GONE


async def watch_week(
    conn: PooledConnection, keep: Retention, after: str | None = None
) -> WeekCount | Week | Busy | None:
    """Starts the count of the next week after `after` (a name) that is old enough and has no living task.

    A `Week` that stays if somebody writes there all the time. None when there is none, and when some status is kept
    forever.
    """
    if keep.longest is None:
        return None
    async with conn.transaction():
        await _wait_at_most(conn, LOCK_SECONDS)
        if not await _may_change_partitions(conn):
            return Busy()
        params = {"after": after or "", "keep": keep.longest}
        row = await maybe_row(conn, sql("next_old_week"), params)
        if row is None:
            return None
        (name,) = row
        try:
            async with conn.transaction():
                return WeekCount(name, keep, await _lock(conn, name))
        except STOPPED as error:
            log.info("the week of %s stays for now: %s", name, error)
            return Week(name, is_gone=False)


async def drop_week(conn: PooledConnection, keep: Retention, after: str | None = None) -> Week | Busy | None:
    """All steps for the next week after `after`, without a pause."""
    count = await watch_week(conn, keep, after)
    if not isinstance(count, WeekCount):
        return count
    while (verdict := await count.step(conn)) is Verdict.COUNTING:
        pass
    return Week(count.name, verdict is Verdict.GONE)


async def _lock(conn: PooledConnection, week: str) -> int:
    return await first_value(conn, sql("lock_week"), {"week": week})


async def _may_change_partitions(conn: PooledConnection) -> bool:
    return await first_value(conn, sql("hold_partitions"))


async def _wait_at_most(conn: PooledConnection, seconds: float) -> None:
    await conn.execute(_LOCK_TIMEOUT.format(psql.Literal(f"{seconds * 1000:.0f}ms")))


def _of_week(verb: str, week: str) -> psql.Composed:
    return psql.SQL(sql(verb)).format(
        tasks=psql.Identifier(f"lapinq_tasks_{week}"), attempts=psql.Identifier(f"lapinq_attempts_{week}")
    )
