"""Tasks of weeks gone by: their partitions, and ids that lie in them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import sql

from lapinq_core.domain.ids import id_at, new_ids
from tests.support.rows.factories import Conn, enqueue


def monday(weeks_ago: int) -> datetime:
    """When the week began."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday(), weeks=weeks_ago)


async def make_week(conn: Conn, weeks_ago: int) -> str:
    """Creates the partitions of that week, and returns the suffix of their names."""
    name = monday(weeks_ago).strftime("%Y%m%d")
    for parent in ("lapinq_tasks", "lapinq_attempts"):
        await conn.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(f"{parent}_{name}"),
                sql.Identifier(parent),
                sql.Literal(str(id_of(weeks_ago))),
                sql.Literal(str(id_of(weeks_ago - 1))),
            )
        )
    return name


def id_of(weeks_ago: int) -> UUID:
    """The first id of that week."""
    return id_at(int(monday(weeks_ago).timestamp() * 1000))


async def enqueue_back_then(conn: Conn, weeks_ago: int, count: int = 1, **values: Any) -> list[str]:
    """The ids of `count` tasks that wait, ascending, as if they had been made at this time that many weeks ago."""
    passed = int(timedelta(weeks=weeks_ago).total_seconds() * 1000)
    ids = [str(UUID(int=UUID(one).int - (passed << 80))) for one in new_ids(count)]
    return [(await enqueue(conn, id=one, **values))[0] for one in ids]


async def weeks(conn: Conn) -> list[str]:
    """The names of the weeks before this one that have partitions, each with both."""
    cursor = await conn.execute(
        "SELECT right(relname, 8) FROM pg_inherits JOIN pg_class ON oid = inhrelid"
        " WHERE inhparent IN ('lapinq_tasks'::regclass, 'lapinq_attempts'::regclass)"
        " AND relname !~ 'default' AND right(relname, 8) < %s GROUP BY 1 HAVING count(*) = 2 ORDER BY 1",
        [monday(0).strftime("%Y%m%d")],
    )
    return [row[0] for row in await cursor.fetchall()]
