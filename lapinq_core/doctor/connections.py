"""Whether the database allows enough connections: those in use now, and those that the running daemons could open."""

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, ok, warning
from lapinq_core.runtime.settings import Settings

sql = sql_of(__name__)

NEARLY = 0.9
"""The share of a limit from which on it is nearly reached."""
WORKER, WORKER_DIRECT = 7, 3
SCHEDULER, SCHEDULER_DIRECT = 8, 2
API_LISTENS = 1
"""Connections that a daemon opens at most: without a pooler, and past one (docs/operate/pooler.md)."""


class _Use(msgspec.Struct, frozen=True, array_like=True):
    """A limit, the sessions that count towards it, and how many of them are of our daemons."""

    what: str
    most: int
    used: int
    ours: int


async def check_connections(conn: psycopg.AsyncConnection, settings: Settings) -> list[Finding]:
    row = await one_row(conn, sql("listening_daemons"))
    limits = [_Use(*each) for each in await all_rows(conn, sql("connection_limits"))]
    needed = _needed(settings, *row)
    found = [finding for limit in limits if (finding := _judge(limit, needed)) is not None]
    tightest = min(limits, key=lambda limit: limit.most - limit.used)
    return found or ok(f"{tightest.used} of {tightest.most} connections are in use ({tightest.what})")


def _needed(settings: Settings, apis: int, workers: int, schedulers: int) -> int:
    """Connections that the running daemons open at most. It takes every API's pool to be as large as this one's."""
    if settings.listen_database_url is not None:
        # What goes through the pooler is limited there.
        return apis * API_LISTENS + workers * WORKER_DIRECT + schedulers * SCHEDULER_DIRECT
    return apis * (API_LISTENS + settings.pool_size) + workers * WORKER + schedulers * SCHEDULER


def _judge(limit: _Use, needed: int) -> Finding | None:
    if limit.used >= limit.most * NEARLY:
        return warning(
            f"{limit.used} of {limit.most} connections are in use ({limit.what}); without a free one daemons stall",
            "Raise the limit, put a pooler in between (docs/operate/pooler.md), or find out who holds them: SELECT"
            " application_name, count(*) FROM pg_stat_activity GROUP BY 1.",
        )
    others = limit.used - limit.ours
    if others + needed > limit.most:
        return warning(
            f"the running daemons may open {needed} connections, and {others} others are open, but only"
            f" {limit.most} are allowed ({limit.what})",
            "Raise the limit, lower LAPINQ_POOL_SIZE, run fewer workers with a higher --concurrency, or put a pooler in"
            " between (docs/operate/pooler.md).",
        )
    return None
