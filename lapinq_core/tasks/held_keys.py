"""The keys of a queue in strict order whose task waits for its next attempt: found, and freed, many at once."""

from collections.abc import Sequence

import msgspec
import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.limits import blocked_keys
from lapinq_core.limits.blocked_keys import MOST_FOUND, HeadTask
from lapinq_core.people import audit
from lapinq_core.people.audit import Entry
from lapinq_core.tasks.bulk import STEP_SETTINGS, STOPPED, Batch, Step, Walk

sql = sql_of(__name__)

MOST_TOLD = 10


class Held(msgspec.Struct, frozen=True):
    """A key that the task `task_id` holds. `error` is the first line of that of its latest attempt; `next_task` starts
    next, once the key is free."""

    key: str
    task_id: str
    task_name: str
    error: str | None
    next_task: HeadTask


class HeldKeys(msgspec.Struct, frozen=True):
    """`ids` are the tasks that hold keys, the oldest first, and `first` tells of some. `others` is how many more keys
    are blocked by tasks that run, or by a rate. Without `is_strict` the queue has another order, or is unknown: then
    no task holds a key."""

    is_strict: bool
    ids: list[str]
    others: int
    first: list[Held]


async def find(
    conn: psycopg.AsyncConnection, queue: str, prefix: str = "", keys: Sequence[str] | None = None
) -> HeldKeys:
    """Those among `keys`, or all (None), that begin with `prefix`, among the `MOST_FOUND` oldest blocked ones."""
    params = {"queue": queue, "beginning": prefix, "keys": keys, "most": MOST_FOUND, "told": MOST_TOLD}
    return _held_keys.decode(await first_value(conn, sql("find_held_keys"), params, prepare=True))


async def free_many(
    conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry: Entry, entry_id: int | None = None
) -> Step | None:
    """Frees the keys that the tasks of a batch of ids hold, as `blocked_keys.skip` does; a `bulk.Change`."""
    queue, ids = walk.chosen.queue, batch.ids
    assert queue is not None
    assert ids is not None
    try:
        async with conn.transaction():
            await conn.execute(STEP_SETTINGS)
            freed = await blocked_keys.free_of(conn, queue, ids)
            entry_id = await audit.count(conn, entry, entry_id, "skipped", freed)
    except STOPPED:
        return None
    return Step(done=freed, running=0, left=[], queues=[queue], last=None, looked=len(ids), entry_id=entry_id)


_held_keys = msgspec.json.Decoder(HeldKeys)
