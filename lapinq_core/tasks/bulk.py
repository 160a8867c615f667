"""Deleting, requeueing and cancelling many tasks, a batch at a time.

A walk visits ids up to the newest task at its start, in the table that holds the wanted status. Each step looks at the
next ids, however few of them match, and changes the matching tasks in its own transaction. So a step is short and holds
its locks briefly, and the walk ends although new tasks keep arriving: it ignores those. A step returns the ids that
moved meanwhile, for another step to look at.

Tasks enter ready in the order of their ids, and are deleted and cancelled from the newest to the oldest. So the first
tasks of a queue and of its lanes are removed last, and claims meet neither dead rows nor lanes whose place has changed.

A step that gave way to others, or took too long, changed nothing. The caller repeats it with fewer ids.
"""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg
from psycopg import errors as pg
from psycopg import sql as psql

from lapinq_core.db.rows import one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.people import audit
from lapinq_core.people.audit import Entry
from lapinq_core.tasks.filters import TaskFilter, pick_looked_at, these_ids, walk_ids

sql = sql_of(__name__)

FIRST = "00000000-0000-0000-0000-000000000000"
"""Before every id."""
STEP_SECONDS = 5.0
"""How long the statement of a step may take."""

# Each statement goes row by row through known indexes, even where statistics call a table small. A step waits for a
# lock only as long as others may wait for the locks it already holds.
STEP_SETTINGS = psql.SQL(
    "SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = '1s'; SET LOCAL enable_seqscan = off;"
    " SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
    " SET LOCAL enable_material = off; SET LOCAL jit = off"
).format(psql.Literal(f"{STEP_SECONDS:g}s"))

STOPPED = (pg.DeadlockDetected, pg.SerializationFailure, pg.LockNotAvailable, pg.QueryCanceled)


class Walk(msgspec.Struct, frozen=True):
    """A walk over the tasks that match `chosen` and existed when it started.

    `started` is the database's time, `until` the newest id that can match.
    """

    chosen: TaskFilter
    started: datetime
    until: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of one step: `size` of them, from the `last` of the step before on, or just `ids` if given."""

    size: int
    after: str | None = None
    ids: list[str] | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a step.

    It changed (or counted) `done` tasks and skipped `running` matching ones; when it requeues, those whose unique key
    another task holds. `left` are ids that moved or were locked.
    `queues` now have ready tasks. It looked at `looked` ids, the last of which was `last`, None without any. `entry_id`
    names the entry in the audit log, once a step has changed something.
    """

    done: int
    running: int
    left: list[str]
    queues: list[str]
    last: str | None
    looked: int
    entry_id: int | None = None


Change = Callable[[psycopg.AsyncConnection, Walk, Batch, Entry, int | None], Coroutine[Any, Any, Step | None]]
"""The form of `delete_tasks`, `requeue_tasks`, `cancel_tasks` and `run_tasks`."""


async def begin(conn: psycopg.AsyncConnection, chosen: TaskFilter) -> Walk | None:
    """A walk over the tasks that exist now; None if there are none, or the states exclude each other."""
    if not chosen.statuses:
        return None
    started, newest = await one_row(conn, sql("begin_walk"), prepare=True)
    if newest is None:
        return None
    return Walk(chosen, started, newest if chosen.last is None else min(newest, chosen.last))


async def delete_tasks(
    conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry: Entry, entry_id: int | None = None
) -> Step | None:
    """Deletes matching tasks that are not running; None when it gave way and changed nothing.

    `entry` goes into the audit log with the first deletion; its number of `deleted` grows with each step that is given
    its `entry_id`.
    """
    return await _change(
        conn, sql("delete_tasks"), walk, batch, "deleted", entry, entry_id, newest_first=True
    )


async def requeue_tasks(
    conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry: Entry, entry_id: int | None = None
) -> Step | None:
    """Requeues matching tasks, as `actions.requeue` does; None when it gave way and changed nothing.

    The walk must look for failed tasks. `entry` as in `delete_tasks`, with the number `requeued`.
    """
    return await _change(conn, sql("requeue_tasks"), walk, batch, "requeued", entry, entry_id)


async def cancel_tasks(
    conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry: Entry, entry_id: int | None = None
) -> Step | None:
    """Cancels matching tasks that are pending; None when it gave way and changed nothing.

    The walk must look for pending tasks. `entry` as in `delete_tasks`, with the number `cancelled`.
    """
    return await _change(
        conn, sql("cancel_tasks"), walk, batch, "cancelled", entry, entry_id, newest_first=True
    )


async def run_tasks(
    conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry: Entry, entry_id: int | None = None
) -> Step | None:
    """Makes matching delayed tasks ready; None when it gave way and changed nothing.

    The walk must look for delayed tasks. `entry` as in `delete_tasks`, with the number `released`.
    """
    return await _change(conn, sql("run_tasks"), walk, batch, "released", entry, entry_id)


async def count_tasks(conn: psycopg.AsyncConnection, walk: Walk, batch: Batch) -> Step | None:
    """Counts what `delete_tasks` would delete; None when it gave way."""
    try:
        async with conn.transaction():
            return await _look(conn, sql("count_tasks"), walk, batch, None)
    except STOPPED:
        return None


async def _change(
    conn: psycopg.AsyncConnection,
    statement: LiteralString,
    walk: Walk,
    batch: Batch,
    counted: str,
    entry: Entry,
    entry_id: int | None,
    *,
    newest_first: bool = False,
) -> Step | None:
    try:
        async with conn.transaction():
            step = await _look(conn, statement, walk, batch, entry.actor, newest_first=newest_first)
            noted = await audit.count(conn, entry, entry_id, counted, step.done)
            return msgspec.structs.replace(step, entry_id=noted)
    except STOPPED:
        return None


async def _look(
    conn: psycopg.AsyncConnection,
    statement: LiteralString,
    walk: Walk,
    batch: Batch,
    by: str | None,
    *,
    newest_first: bool = False,
) -> Step:
    await conn.execute(STEP_SETTINGS)
    if batch.ids is None:
        looked = walk_ids(walk.chosen, batch.size, newest_first=newest_first)
    else:
        looked = these_ids(walk.chosen)
    lower, upper = _before(walk.chosen.first or FIRST), walk.until
    if batch.after is not None:
        lower, upper = (lower, _before(batch.after)) if newest_first else (batch.after, upper)
    query = psql.SQL(statement).format(looked=looked, picked=pick_looked_at(walk.chosen))
    params = {
        **msgspec.structs.asdict(walk.chosen),
        "started": walk.started,
        "lower": lower,
        "upper": upper,
        "ids": batch.ids,
        "by": by,
    }
    done, running, left, queues, last, count = await one_row(conn, query, params, prepare=False)
    return Step(done=done, running=running, left=left, queues=queues, last=last, looked=count)


def _before(task_id: str) -> str:
    """The id before this one."""
    return str(UUID(int=max(0, UUID(task_id).int - 1)))
