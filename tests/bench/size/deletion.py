"""How fast a history is deleted: a whole week at once, and ended tasks a window after the other.

Deletes for good: the weeks that are old enough, and of the others what it gets at in some seconds.
"""

import time
from collections.abc import AsyncGenerator

import psycopg

from lapinq_core.domain.tasks.retention import Retention
from lapinq_core.domain.tasks.state import Status
from lapinq_core.upkeep import retention, weeks
from tests.bench.contenders.contender import number
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn

DAY = 86_400
WINDOW_SECONDS = 20.0
"""For how long windows are deleted of each status."""
_WEEKS = "SELECT count(*) FROM pg_class WHERE relname ~ '^lapinq_tasks_[0-9]{8}$'"
_ENDED = "SELECT sum(completed + failed + cancelled + expired)::bigint FROM lapinq_counts"


def lines(url: str) -> list[str]:
    """A line for each week, and one for each status."""
    with psycopg.connect(url, autocommit=True) as looking:
        keep = int(max(0, number(looking, _WEEKS) - 6)) * 7 * DAY

        async def measured(conn: Conn) -> list[str]:
            dropped = [line async for line in _weeks(conn, looking, keep)]
            statuses = (Status.COMPLETED, Status.FAILED)
            return dropped + [await _windows(conn, status, keep) for status in statuses]

        return on_connections(url, measured)


async def _weeks(conn: Conn, looking: psycopg.Connection, keep: int) -> AsyncGenerator[str]:
    kept = Retention(completed=keep, failed=keep, cancelled=keep, expired=keep)
    place: str | None = None
    while True:
        tasks, began = number(looking, _ENDED), time.perf_counter()
        week = await weeks.drop_week(conn, kept, place)
        seconds = time.perf_counter() - began
        if not isinstance(week, weeks.Week):
            return
        place = week.name
        what, gone = "dropped" if week.is_gone else "not dropped", tasks - number(looking, _ENDED)
        yield f"the week of {week.name}, {what}: {gone:,} tasks in {seconds:.2f} s"


async def _windows(conn: Conn, status: Status, keep: int) -> str:
    began, deleted, looked, place = time.perf_counter(), 0, 0, None
    while time.perf_counter() - began < WINDOW_SECONDS:
        batch = await retention.delete_ended(conn, status, keep, place)
        if batch is None:
            continue
        deleted, looked, place = deleted + batch.deleted, looked + 1, batch.last
        if place is None:
            break
    seconds = time.perf_counter() - began
    return (
        f"{status} tasks, {retention.BATCH} ids a window: {deleted:,} in {seconds:.1f} s,"
        f" {deleted / seconds:,.0f}/s, {1000 * seconds / max(looked, 1):.1f} ms a window"
    )
