"""Which tasks ran longest, of those that ended in a window: workers remember them with their figures."""

from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.figures import Window
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.domain.tasks.state import Status

sql = sql_of(__name__)

MAX_SHOWN = 5


class SlowTask(msgspec.Struct, frozen=True):
    """A task that ended, and how many seconds its last attempt ran."""

    id: str
    task_name: str
    queue_name: str
    status: Status
    seconds: float
    ended_at: datetime


async def of_queue(conn: psycopg.AsyncConnection, window: Window, queue: str) -> list[SlowTask]:
    """The slowest tasks of the queue first, without those that were deleted or requeued since."""
    return await _slowest(conn, window, queue, None, None)


async def of_task(
    conn: psycopg.AsyncConnection, window: Window, task_name: str, readable: Readable = None
) -> list[SlowTask]:
    """The same of the tasks of a name, in these queues or in all."""
    return await _slowest(conn, window, None, task_name, readable)


async def _slowest(
    conn: psycopg.AsyncConnection,
    window: Window,
    queue: str | None,
    task_name: str | None,
    readable: Readable,
) -> list[SlowTask]:
    params = {
        "span": window.task_span,
        "seconds": window.seconds,
        "queue": queue,
        "task_name": task_name,
        "queues": as_list(readable),
        "most": MAX_SHOWN,
    }
    rows = await all_rows(conn, sql("slowest"), params, prepare=True)
    return [
        SlowTask(task_id, name, place, Status(outcome), seconds, ended_at)
        for task_id, name, place, outcome, seconds, ended_at in rows
    ]
