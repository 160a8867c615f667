"""The keys of a queue whose tasks wait: what blocks them, and freeing them by hand."""

from collections.abc import Sequence
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
MOST_FOUND = 10_000
"""Blocked keys that are put in order by age; the oldest."""
_COUNTED_IN_ALL = 50_000


class KeyState(StrEnum):
    """Which keys are listed."""

    BLOCKED = "blocked"
    WAITING = "waiting"
    ALL = "all"


class KeySort(StrEnum):
    """The order of a list: ascending keys, or the blocked ones by the age of the task in front."""

    KEY = "key"
    AGE = "age"


class KeyFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which keys of a queue, and where a page of them begins: `after` is what the page before returned as `next`.

    In order of `sort` `age` all are blocked, whatever `state` says.
    """

    state: KeyState = KeyState.BLOCKED
    sort: KeySort = KeySort.KEY
    prefix: str = ""
    after: str | None = None


class BlockedBy(StrEnum):
    """Why no task of a key may start now."""

    ORDER = "order"
    MAX_RUNNING_PER_KEY = "max_running_per_key"
    RATE_PER_KEY = "rate_per_key"


class HeadTask(msgspec.Struct, frozen=True):
    """The ready task of a key that starts next."""

    task_id: str
    task_name: str
    enqueued_at: datetime


class HoldingTask(msgspec.Struct, frozen=True):
    """A task that holds a key. `started_at` is null while it waits for a retry. `error` is the first line of the error
    of its latest attempt."""

    task_id: str
    task_name: str
    started_at: datetime | None
    enqueued_at: datetime
    error: str | None


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
    """A page of keys. `next` is the key after which the next page begins, in order of age the task; None after the
    last one. `found` is how many are blocked, at least so many if `is_capped`, None if they are not in order of age."""

    keys: list[WaitingKey]
    next: str | None
    found: int | None
    max_running_per_key: int | None
    is_capped: bool = False


async def list_keys(
    conn: psycopg.AsyncConnection, queue: str, chosen: KeyFilter, limit: int, most_found: int = MOST_FOUND
) -> WaitingKeys:
    """Keys of the queue, at most `limit`; fewer if it had to look at too many others, or some are free by now."""
    by_age = chosen.sort is KeySort.AGE
    params = {
        "queue": queue,
        "after": "" if by_age else chosen.after or "",
        "after_id": chosen.after if by_age else None,
        "by_age": by_age,
        "beginning": chosen.prefix,
        "limit": limit,
        "only_blocked": by_age or chosen.state is KeyState.BLOCKED,
        "also_running": chosen.state is KeyState.ALL,
        "most": MOST_LOOKED_AT,
        "most_found": most_found + 1,
        "most_counted": min(MOST_COUNTED, _COUNTED_IN_ALL // limit),
    }
    text = await first_value(conn, sql("list_waiting_keys"), params, prepare=True)
    found = _waiting_keys.decode(text)
    if found.found is None or found.found <= most_found:
        return found
    return msgspec.structs.replace(found, found=most_found, is_capped=True)


async def skip(conn: psycopg.AsyncConnection, queue: str, key: str, *, by: Author) -> str | None:
    """Lets the next task of the key start although one before it waits for a retry, in strict order.

    Returns the id of that one, which starts in its turn when its retry is due; None if no task holds the key that way.
    The caller wakes workers after the commit.
    """
    async with conn.transaction():
        holder = await first_value(conn, sql("holder_of_key"), {"queue": queue, "key": key})
        if holder is None or not await free_of(conn, queue, [holder]):
            return None
        await audit.record(conn, by.did("queue.skip", queue, {"key": key, "task_id": holder}))
    return holder


async def free_of(conn: psycopg.AsyncConnection, queue: str, task_ids: Sequence[str]) -> int:
    """Frees the keys that these tasks hold while they wait. Returns how many. Runs in the caller's transaction, and
    keeps claims of the queue waiting to its end."""
    if await first_value(conn, sql("lock_order"), {"queue": queue}) != StartOrder.STRICT_PER_KEY:
        return 0
    return await first_value(conn, sql("free_keys"), {"queue": queue, "ids": task_ids})


_waiting_keys = msgspec.json.Decoder(WaitingKeys)
