"""Which tasks ran longest lately. There is no index by duration: it looks at the newest ones only."""

from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.domain.tasks.state import Status

sql = sql_of(__name__)

NEWEST = 2_000
MAX_SHOWN = 5


class SlowTask(msgspec.Struct, frozen=True):
    """A task that ended, and how many seconds its last attempt ran."""

    id: str
    task_name: str
    queue_name: str
    status: Status
    seconds: float
    ended_at: datetime


async def slowest(
    conn: psycopg.AsyncConnection, *, readable: Readable = None, task_name: str | None = None
) -> list[SlowTask]:
    """The slowest first, of the newest `NEWEST` tasks that ended: of these queues and of a task name, or of any."""
    params = {"queues": as_list(readable), "task_name": task_name, "newest": NEWEST, "most": MAX_SHOWN}
    rows = await all_rows(conn, sql("slowest"), params, prepare=True)
    return [
        SlowTask(task_id, name, place, Status(outcome), seconds, ended_at)
        for task_id, name, place, outcome, seconds, ended_at in rows
    ]
