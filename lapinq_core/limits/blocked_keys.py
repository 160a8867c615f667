"""The keys of a queue whose tasks wait: what blocks them, and freeing one by hand."""

from datetime import datetime
from enum import StrEnum

import msgspec
import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)

MOST_LOOKED_AT = 1000
"""Keys, for one page."""
MOST_COUNTED = 1000
"""Waiting tasks of a key; fewer in a long list."""
_COUNTED_IN_ALL = 50_000


class KeyState(StrEnum):
    """Which keys are listed."""

    BLOCKED = "blocked"
    WAITING = "waiting"
    ALL = "all"


class BlockedBy(StrEnum):
    """Why no task of a key may start now."""

    ORDER = "order"
    MAX_RUNNING_PER_KEY = "max_running_per_key"
    RATE_PER_KEY = "rate_per_key"


class HeadTask(msgspec.Struct, frozen=True):
    """The ready task of a key that starts next."""

    task_id: str
    task_name: str


class HoldingTask(msgspec.Struct, frozen=True):
    """A task that holds a key. `started_at` is null while it waits for a retry."""

    task_id: str
    task_name: str
    started_at: datetime | None


class WaitingKey(msgspec.Struct, frozen=True):
    """A key with its ready and running tasks, and what blocks it, null if nothing does.

    `waiting` are its ready tasks, at least so many if it is capped. `until` is when a task may start again, if that is
    known: by the rate, or when the `holder` is tried again.
    """

    key: str
    waiting: int
    waiting_is_capped: bool
    running: int
    blocked_by: BlockedBy | None
    until: datetime | None
    holder: HoldingTask | None
    head: HeadTask | None


class WaitingKeys(msgspec.Struct, frozen=True):
    """A page of keys. `next` is the key after which the next page begins; None after the last one."""

    keys: list[WaitingKey]
    next: str | None


async def list_keys(
    conn: psycopg.AsyncConnection, queue: str, state: KeyState, limit: int, after: str | None = None
) -> WaitingKeys:
    """Keys of the queue in ascending order, at most `limit`, and fewer if it had to look at too many others."""
    params = {
        "queue": queue,
        "after": after or "",
        "limit": limit,
        "only_blocked": state is KeyState.BLOCKED,
        "also_running": state is KeyState.ALL,
        "most": MOST_LOOKED_AT,
        "most_counted": min(MOST_COUNTED, _COUNTED_IN_ALL // limit),
    }
    text = await first_value(conn, sql("list_waiting_keys"), params, prepare=True)
    return _waiting_keys.decode(text)


async def skip(conn: psycopg.AsyncConnection, queue: str, key: str, *, by: Author) -> str | None:
    """Lets the next task of the key start although one before it waits for a retry, in strict order.

    Returns the id of that one, which starts in its turn when its retry is due; None if no task holds the key that way.
    The caller wakes workers after the commit.
    """
    params = {"queue": queue, "key": key}
    async with conn.transaction():
        if await first_value(conn, sql("lock_order"), params) != StartOrder.STRICT_PER_KEY:
            return None
        task_id = await first_value(conn, sql("free_key"), params)
        if task_id is None:
            return None
        await audit.record(conn, by.did("queue.skip", queue, {"key": key, "task_id": task_id}))
    return task_id


_waiting_keys = msgspec.json.Decoder(WaitingKeys)
