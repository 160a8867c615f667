"""What else a worker asks about its queues: which are paused or begin with isolated tasks, whether a task is due or may
start, how many are delayed.

`queues` None means all queues.
"""

from collections.abc import Mapping, Sequence

import psycopg

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)


async def paused(conn: psycopg.AsyncConnection) -> list[str]:
    """The names of the queues that are paused."""
    return [row[0] for row in await all_rows(conn, sql("paused"), prepare=True)]


async def isolated_first(conn: PinnedConnection, marks: Mapping[str, tuple[int, int]]) -> list[str]:
    """The queues in `marks` whose first task at or after its mark must run alone."""
    params = {
        "queues": list(marks),
        "ranks": [rank for rank, _ in marks.values()],
        "seqs": [seq for _, seq in marks.values()],
    }
    return [row[0] for row in await all_rows(conn, sql("isolated_first"), params, prepare=True)]


async def is_due(conn: psycopg.AsyncConnection, queues: list[str] | None) -> bool:
    """Whether a task may start now that `heads` and `discover` don't see: fire-and-forget, or just due."""
    return await first_value(conn, sql("is_due"), {"queues": queues})


async def is_startable(conn: psycopg.AsyncConnection, queues: list[str]) -> bool:
    """Whether a ready task of `queues` may start now, or as soon as a task of its queue ends or its rate allows it."""
    return await first_value(conn, sql("is_startable"), {"queues": queues}, prepare=False)


async def first_ready(conn: psycopg.AsyncConnection, queues: Sequence[str]) -> dict[str, str]:
    """The id of the first ready task of each of `queues` that has one."""
    return dict(await all_rows(conn, sql("first_ready"), {"queues": list(queues)}, prepare=False))


async def has_transient(conn: psycopg.AsyncConnection, queues: list[str] | None) -> bool:
    """Whether a fire-and-forget task waits, perhaps for its time."""
    return await first_value(conn, sql("has_transient"), {"queues": queues}, prepare=True)


async def count_delayed(conn: psycopg.AsyncConnection, queues: list[str] | None) -> int:
    """How many tasks are delayed, including those that wait for a retry."""
    return await first_value(conn, sql("count_delayed"), {"queues": queues})
