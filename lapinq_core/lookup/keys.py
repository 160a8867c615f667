"""Finds keys of tasks, and what there is of one key in all queues.

The tasks that wait for their turn or run have their key in an index of their queue, so each queue is asked. What is
delayed or has ended has none; a search finds it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.queue_filter import Readable, as_list

sql = sql_of(__name__)

MOST_QUEUES = 2000
MOST_PLACES = 50
MOST_COUNTED = 1000


class KeyHit(msgspec.Struct, frozen=True):
    """A key, and the queues in which it was found."""

    key: str
    queues: list[str]


class KeyPlace(msgspec.Struct, frozen=True):
    """A key in one queue: its ready and running tasks, what blocks it, and the queue's rules for each key.

    `waiting` is at least so many if it is capped. `blocked_by` is a rule, None if the key lets the next task start;
    `until` is when it does, if that is known; `holder` is the id of a task that waits for a retry and holds the key.
    `tokens` are left of `rate_per_key`. `weight` is None where none is set.
    """

    queue: str
    waiting: int
    waiting_is_capped: bool
    running: int
    blocked_by: str | None
    until: datetime | None
    holder: str | None
    order: StartOrder
    max_running_per_key: int | None
    rate_per_key: Rate | None
    tokens: float | None
    weight: float | None
    is_paused: bool


class TasksOfKey(msgspec.Struct, frozen=True):
    """Ids of tasks that run, and of those that wait for their turn, in order; and the limits that they take from."""

    running: list[str]
    waiting: list[str]
    limits: list[str]


async def find_keys(
    conn: psycopg.AsyncConnection, text: str, limit: int, readable: Readable = None
) -> list[KeyHit]:
    """At most `limit` keys that begin with `text`, of tasks that wait, run or started lately; not of all that ended."""
    params = {"text": text, "limit": limit, "most_queues": MOST_QUEUES, "queues": as_list(readable)}
    return [KeyHit(*row) for row in await all_rows(conn, sql("keys_beginning"), params, prepare=True)]


async def places_of(conn: psycopg.AsyncConnection, key: str, readable: Readable = None) -> list[KeyPlace]:
    """The first `MOST_PLACES` queues, by name, in which tasks of the key wait or run, or started lately."""
    params = {
        "key": key,
        "limit": MOST_PLACES,
        "most_queues": MOST_QUEUES,
        "most_counted": MOST_COUNTED,
        "queues": as_list(readable),
    }
    text = await first_value(conn, sql("places_of_key"), params, prepare=True)
    return _places.decode(text)


async def tasks_of(conn: psycopg.AsyncConnection, key: str, queues: Sequence[str], limit: int) -> TasksOfKey:
    """At most `limit` tasks that run and as many that wait for their turn, those first that are first."""
    params = {"key": key, "queues": list(queues), "limit": limit}
    rows = await all_rows(conn, sql("tasks_of_key"), params, prepare=True)
    limits = {name for *_, names in rows for name in names.split(",") if name}
    running = [task for is_running, task, _ in rows if is_running]
    return TasksOfKey(running, [task for is_running, task, _ in rows if not is_running], sorted(limits))


_places = msgspec.json.Decoder(list[KeyPlace])
