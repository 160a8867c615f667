"""Reads the steps and waits of a task. Objects only pass through to a client: they are JSON text made by the
database."""

from typing import NamedTuple

import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import Readable, as_list

sql = sql_of(__name__)

MAX_PAGE_STEPS = 1_000
MAX_PAGE_BYTES = 8 * 1024 * 1024
"""The results on one page together; a single one may be larger."""


class StepText(NamedTuple):
    """A step or wait as a JSON object. `other_queue` is that of the task that it is about, None if that was deleted."""

    text: str
    is_about_another: bool
    other_queue: str | None


async def list_steps(
    conn: psycopg.AsyncConnection,
    task_id: str,
    *,
    readable: Readable = None,
    skip: int = 0,
    limit: int = MAX_PAGE_STEPS,
) -> tuple[list[StepText], int | None]:
    """The steps after the first `skip`, in the order in which they began, and how many to skip for the next page, if
    there is one. Ids and results of tasks in queues that are not `readable` are left out."""
    params = {
        "id": task_id,
        "readable": as_list(readable),
        "skip": skip,
        "limit": limit,
        "max_bytes": MAX_PAGE_BYTES,
    }
    rows = await all_rows(conn, sql("list_steps"), params, prepare=True)
    has_more = bool(rows) and rows[-1][1]
    found = [StepText(text, is_about, queue) for text, _, is_about, queue in rows]
    return found, skip + len(rows) if has_more else None
