"""Which task another one repeats, and which repeat it: those are known as long as the audit log keeps it."""

from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.rows import maybe_row
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

MAX_LATER = 20


class LaterRun(msgspec.Struct, frozen=True):
    """A task that repeats an earlier one."""

    id: str
    created_at: datetime


class Reruns(msgspec.Struct, frozen=True):
    """`earlier` is the id of the task that this one repeats. `later` are the latest that repeat it, newest first."""

    earlier: str | None
    later: list[LaterRun]


async def reruns_of(conn: psycopg.AsyncConnection, task_id: str) -> Reruns:
    """Only tasks that still exist."""
    params = {"id": task_id, "limit": MAX_LATER}
    row = await maybe_row(conn, sql("reruns"), params, prepare=True)
    return Reruns(None, []) if row is None else Reruns(row[0], _later.decode(row[1]))


_later = msgspec.json.Decoder(list[LaterRun])
