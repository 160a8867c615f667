"""How fast a history is deleted: a whole week at once, and ended tasks a window after the other.

Deletes for good: the weeks that are old enough, and of the others what it gets at in some seconds.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator

import psycopg

from lapinq_core.db.pool import PooledConnection, configure
from lapinq_core.domain.tasks.retention import Retention
from lapinq_core.domain.tasks.state import Status
from lapinq_core.upkeep import retention, weeks

DAY = 86_400
WINDOW_SECONDS = 20.0
"""For how long windows are deleted of each status."""


def lines(url: str) -> Generator[str]:
    """A line for each week, and one for each status."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_class WHERE relname ~ '^lapinq_tasks_[0-9]{8}$'"
        ).fetchone()
        assert row is not None
    yield from asyncio.run(_measured(url, max(0, row[0] - 6) * 7 * DAY))


async def _measured(url: str, keep: int) -> list[str]:
    async with await PooledConnection.connect(url, autocommit=True) as conn:
        await configure(conn)
        return [line async for line in _lines(conn, keep)]


async def _lines(conn: PooledConnection, keep: int) -> AsyncGenerator[str]:
    kept = Retention(completed=keep, failed=keep, cancelled=keep, expired=keep)
    place: str | None = None
    while True:
        tasks, began = await _counted(conn), time.perf_counter()
        week = await weeks.drop_week(conn, kept, place)
        seconds = time.perf_counter() - began
        if not isinstance(week, weeks.Week):
            break
        place = week.name
        yield (
            f"the week of {week.name}, {'dropped' if week.is_gone else 'not dropped'}:"
            f" {tasks - await _counted(conn):,} tasks in {seconds:.2f} s"
        )
    for status in (Status.COMPLETED, Status.FAILED):
        began, deleted, looked, place = time.perf_counter(), 0, 0, None
        while time.perf_counter() - began < WINDOW_SECONDS:
            batch = await retention.delete_ended(conn, status, keep, place)
            if batch is None:
                continue
            deleted, looked, place = deleted + batch.deleted, looked + 1, batch.last
            if place is None:
                break
        seconds = time.perf_counter() - began
        yield (
            f"{status} tasks, {retention.BATCH} ids a window: {deleted:,} in {seconds:.1f} s,"
            f" {deleted / seconds:,.0f}/s, {1000 * seconds / max(looked, 1):.1f} ms a window"
        )


async def _counted(conn: PooledConnection) -> int:
    row = await (
        await conn.execute("SELECT sum(completed + failed + cancelled + expired) FROM lapinq_counts")
    ).fetchone()
    assert row is not None
    return int(row[0])
