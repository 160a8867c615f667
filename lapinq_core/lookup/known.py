"""Which names of queues and tasks lapinq has seen. A name that it has not is probably misspelt."""

from collections.abc import Sequence

import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

MAX_KNOWN = 500


async def known_queues(conn: psycopg.AsyncConnection, among: Sequence[str] | None = None) -> list[str]:
    """The first queues by name: those with tasks or a setting, served by a worker, or named by a task or a schedule.

    With `among`, those of these names that are known.
    """
    return await _names(conn, "known_queues", among)


async def known_task_names(conn: psycopg.AsyncConnection, among: Sequence[str] | None = None) -> list[str]:
    """The first task names: those that a living worker has found, or that a schedule, a breaker or an error group has.

    With `among`, those of these names that are known, also by the figures of tasks that ended.
    """
    return await _names(conn, "known_task_names", among)


async def _names(conn: psycopg.AsyncConnection, statement: str, among: Sequence[str] | None) -> list[str]:
    given = None if among is None else list(among)
    limit = MAX_KNOWN if given is None else len(given)
    return [name for (name,) in await all_rows(conn, sql(statement), {"among": given, "limit": limit})]
