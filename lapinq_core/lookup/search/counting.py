"""Counts tasks by queue and status, exactly, in a time that does not grow with the number of tasks."""

from collections.abc import Set as AbstractSet

import psycopg

from lapinq_core.db.rows import one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import QueueFilter
from lapinq_core.domain.tasks.state import Status

sql = sql_of(__name__)


async def count_statuses(conn: psycopg.AsyncConnection, chosen: QueueFilter) -> dict[Status, int]:
    """How many tasks of its queues have each status."""
    params = {"queues": chosen.queues if chosen.queue is None else [chosen.queue]}
    row = await one_row(conn, sql("count_statuses"), params, prepare=True)
    return dict(zip(Status, row, strict=True))


async def number_of(conn: psycopg.AsyncConnection, chosen: QueueFilter, statuses: AbstractSet[Status]) -> int:
    """How many tasks of its queues have one of `statuses`."""
    counted = await count_statuses(conn, chosen)
    return sum(counted[status] for status in statuses)
