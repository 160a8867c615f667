"""The profile of an attempt."""

from datetime import datetime

import psycopg

from lapinq_core.db.rows import maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.diagnostics.profile import Profile, unpacked

sql = sql_of(__name__)


async def get_profile(
    conn: psycopg.AsyncConnection,
    task_id: str,
    attempt: int | None = None,
    started_at: datetime | None = None,
) -> tuple[int, Profile] | None:
    """The number and the profile of the task's latest attempt with a profile; None if there is none.

    With `attempt`, of the latest with that number: numbers begin again after a requeue. With `started_at`, of the one
    that started then. Raises `ProfileError`.
    """
    params = {"id": task_id, "attempt": attempt, "started_at": started_at}
    row = await maybe_row(conn, sql("get_profile"), params)
    return (row[0], unpacked(row[1])) if row else None
