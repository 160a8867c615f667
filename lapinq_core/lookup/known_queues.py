"""The names of the queues that exist: with tasks or a setting, served by a worker, or named by a task or a schedule."""

import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

MAX_QUEUES = 500


async def known_queues(conn: psycopg.AsyncConnection) -> list[str]:
    """The first of them by name."""
    return [name for (name,) in await all_rows(conn, sql("known_queues"), {"limit": MAX_QUEUES})]
