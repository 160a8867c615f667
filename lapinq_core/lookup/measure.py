"""The figures of the queues for the metrics: bounded for any number of queues, and cheap enough to read often."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.limits.breaker import BreakerState
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks.backlog import paused

sql = sql_of(__name__)

_STATUSES = (
    Status.PENDING,
    Status.RUNNING,
    Status.COMPLETED,
    Status.FAILED,
    Status.CANCELLED,
    Status.EXPIRED,
)
"""In the order of the columns."""


class QueueMeasures(msgspec.Struct, frozen=True):
    """`counts` are by queue; the key None is the sum of all queues that are not listed.

    `ages` are how many seconds the first in line has waited, in listed queues with ready tasks. `paused` are the listed
    queues that are paused, `governed` those with pending tasks that limits or a circuit breaker may hold back.
    `overdue` is how late the earliest delayed task is, without parked ones, `webhooks_overdue` the earliest pending
    webhook, `schedules_overdue` the earliest tick. `breakers` are the states of circuit breakers by kind (`queue` or
    `task`) and name.
    """

    counts: dict[str | None, dict[Status, int]]
    ages: dict[str, float]
    paused: frozenset[str]
    governed: list[str]
    overdue: float
    webhooks_overdue: float
    schedules_overdue: float
    breakers: dict[tuple[str, str], BreakerState]


class FirstInLine(NamedTuple):
    """Since when the first ready task of a queue has been ready, and for how many seconds."""

    since: datetime
    age: float


async def measure(conn: psycopg.AsyncConnection, most: int) -> QueueMeasures:
    """Lists at most `most` queues, those with the most pending and running tasks, and as many circuit breakers."""
    rows = await all_rows(conn, sql("measure_queues"), {"most": most}, prepare=True)
    counts = {queue: dict(zip(_STATUSES, numbers, strict=True)) for queue, *numbers in rows}
    waiting = [queue for queue, by in counts.items() if queue is not None and by[Status.PENDING] > 0]
    aged = await ages(conn, waiting)
    held = frozenset(queue for queue in await paused(conn) if queue in counts)
    governed = [row[0] for row in await all_rows(conn, sql("governed"), {"queues": waiting}, prepare=True)]
    row = await one_row(conn, sql("measure_overdue"), prepare=True)
    rows = await all_rows(conn, sql("measure_breakers"), {"most": most}, prepare=True)
    breakers = {(kind, name): BreakerState(state) for kind, name, state in rows}
    return QueueMeasures(counts, aged, held, governed, *row, breakers=breakers)


async def count_startable(conn: psycopg.AsyncConnection, queues: Sequence[str]) -> dict[str, int]:
    """How many tasks may start in each of these queues that has limits or a circuit breaker, counted up to 1,000."""
    return dict(await all_rows(conn, sql("startable"), {"queues": list(queues)}, prepare=True))


async def ages(conn: psycopg.AsyncConnection, queues: Sequence[str]) -> dict[str, float]:
    """How many seconds the first in line of each queue has waited; queues without ready tasks are left out."""
    return {queue: first.age for queue, first in (await first_in_line(conn, queues)).items()}


async def first_in_line(conn: psycopg.AsyncConnection, queues: Sequence[str]) -> dict[str, FirstInLine]:
    """Of each queue; those without ready tasks are left out."""
    if not queues:
        return {}
    rows = await all_rows(conn, sql("waiting_since"), {"queues": list(queues)}, prepare=True)
    return {queue: FirstInLine(since, max(0.0, age)) for queue, since, age in rows}
