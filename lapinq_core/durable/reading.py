"""Reads the steps and waits of a task. Objects only pass through to a client: they are JSON text made by the
database."""

import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

MAX_PAGE_STEPS = 1_000
MAX_PAGE_BYTES = 8 * 1024 * 1024
"""The results on one page together; a single one may be larger."""


async def list_steps(
    conn: psycopg.AsyncConnection, task_id: str, *, skip: int = 0, limit: int = MAX_PAGE_STEPS
) -> tuple[list[str], int | None]:
    """The steps after the first `skip`, in the order in which they began, and how many to skip for the next page, if
    there is one."""
    params = {"id": task_id, "skip": skip, "limit": limit, "max_bytes": MAX_PAGE_BYTES}
    rows = await all_rows(conn, sql("list_steps"), params, prepare=True)
    has_more = bool(rows) and rows[-1][1]
    return [row[0] for row in rows], skip + len(rows) if has_more else None
