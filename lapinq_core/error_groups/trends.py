"""How often groups of errors failed over time, and which failed most lately."""

from collections.abc import Sequence

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.error_groups import COUNT_SPANS
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.error_groups.groups import ErrorGroup, load

sql = sql_of(__name__)

FINE_SECONDS = 86_400
"""Up to here `top` reads the finer counts."""


class TopGroup(msgspec.Struct, frozen=True):
    """A group, with how many tasks failed and attempts were retried lately."""

    group: ErrorGroup
    failed: int
    retried: int


class Bars(msgspec.Struct, frozen=True):
    """The points of a trend: how many, and how many seconds apart. They are read from counts of `span` seconds."""

    span: int
    width: int
    points: int


DAY = Bars(3600, 3600, 24)
FINE_DAY = Bars(300, 1800, 48)
MONTH = Bars(3600, 86_400, 30)

Trend = tuple[list[int], list[int]]
"""How many tasks failed and attempts were retried at each point, the earliest first."""


async def top(
    conn: psycopg.AsyncConnection,
    seconds: float,
    *,
    readable: Readable = None,
    task_name: str | None = None,
    limit: int = 5,
) -> list[TopGroup]:
    """The open and regressed groups that failed most in the last `seconds`, of these queues and a task name or any."""
    span = min(COUNT_SPANS) if seconds <= FINE_SECONDS else max(COUNT_SPANS)
    params = {
        "seconds": seconds,
        "span": span,
        "queues": as_list(readable),
        "task_name": task_name,
        "limit": limit,
    }
    rows = await all_rows(conn, sql("top_groups"), params, prepare=True)
    counts = {group_id: (failed, retried) for group_id, failed, retried in rows}
    return [TopGroup(group, *counts[group.id]) for group in await load(conn, list(counts))]


async def trends(conn: psycopg.AsyncConnection, ids: Sequence[int], bars: Bars = DAY) -> dict[int, Trend]:
    """How often each of the groups failed over time."""
    found: dict[int, Trend] = {each: ([0] * bars.points, [0] * bars.points) for each in ids}
    params = {"ids": list(ids), **msgspec.structs.asdict(bars)}
    rows = await all_rows(conn, sql("trends"), params, prepare=True)
    for group_id, point, failed, retried in rows:
        if point < bars.points:
            found[group_id][0][point], found[group_id][1][point] = failed, retried
    return found
