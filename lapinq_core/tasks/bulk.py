"""Deleting, requeueing and cancelling many tasks, a batch at a time.

A walk goes up the ids from the first to the newest there was at its start, through the table that holds the status
that is asked for. Each step looks at the next ids of it, however few of them pass, and changes those in a transaction
of its own: so none takes long, none holds locks for long, and the walk ends while new tasks keep arriving, which it
leaves alone. A step returns the ids that moved meanwhile, for another step to look at.

A step that stopped for others, or took too long, changed nothing: it is made again, over fewer ids.
"""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg
from psycopg import errors as pg
from psycopg import sql as psql

from lapinq_core.db.statements import sql
from lapinq_core.people import audit
from lapinq_core.people.audit import Entry
from lapinq_core.tasks.filters import TaskFilter, pick_looked_at, these_ids, walk_ids

_PACKAGE = "lapinq_core.tasks"

FIRST = "00000000-0000-0000-0000-000000000000"
"""Before every id."""
STEP_SECONDS = 5.0
"""How long the statement of a step may take."""

# Each statement goes row by row through known indexes, also where statistics say that a table is small. A lock is
# waited for no longer than others should wait for those that the step holds already.
STEP_SETTINGS = psql.SQL(
    "SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = '1s'; SET LOCAL enable_seqscan = off;"
    " SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
    " SET LOCAL jit = off"
).format(psql.Literal(f"{STEP_SECONDS:g}s"))

STOPPED = (pg.DeadlockDetected, pg.SerializationFailure, pg.LockNotAvailable, pg.QueryCanceled)


class Walk(msgspec.Struct, frozen=True):
    """What a walk looks for: the tasks that pass `chosen` among those that were there when it started.

    `started` is the database's time, `until` the newest id that can pass.
    """

    chosen: TaskFilter
    started: datetime
    until: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What a step looks at: the first `size` ids after `after`, or, where they are given, just `ids`."""

    size: int
    after: str = FIRST
    ids: list[str] | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a step came to.

    `done` tasks were changed (or counted), `running` ones passed and were left alone. `left` were there and could not
    be had. In `queues` something waits that did not. `last` is the last id looked at, None where there was none,
    `looked` how many were. `entry_id` is that of the entry in the audit log, once anything has been changed.
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
    """A walk over the tasks there are now; None where there are none."""
    row = await (await conn.execute(sql(_PACKAGE, "begin_walk"), prepare=True)).fetchone()
    assert row is not None
    started, newest = row
    if newest is None:
        return None
    return Walk(chosen, started, newest if chosen.last is None else min(newest, chosen.last))


def start_of(chosen: TaskFilter) -> str:
    """The id after which the first batch of a walk begins."""
    if chosen.first is None or chosen.first == FIRST:
        return FIRST
    return str(UUID(int=UUID(chosen.first).int - 1))


async def delete_tasks(
    conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry: Entry, entry_id: int | None = None
) -> Step | None:
    """Deletes what passes and is not running; None when it stopped and changed nothing.

    `entry` goes into the audit log with the first deletion; its number of `deleted` grows with each step that is given
    its `entry_id`.
    """
    return await _change(conn, sql(_PACKAGE, "delete_tasks"), walk, batch, "deleted", entry, entry_id)


async def requeue_tasks(
    conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry: Entry, entry_id: int | None = None
) -> Step | None:
    """Lets what passes wait again, as `control.requeue` does; None when it stopped and changed nothing.

    The walk must look for failed tasks. `entry` as in `delete_tasks`, with the number `requeued`.
    """
    return await _change(conn, sql(_PACKAGE, "requeue_tasks"), walk, batch, "requeued", entry, entry_id)


async def cancel_tasks(
    conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry: Entry, entry_id: int | None = None
) -> Step | None:
    """Cancels what passes and waits; None when it stopped and changed nothing.

    The walk must look for pending tasks. `entry` as in `delete_tasks`, with the number `cancelled`.
    """
    return await _change(conn, sql(_PACKAGE, "cancel_tasks"), walk, batch, "cancelled", entry, entry_id)


async def run_tasks(
    conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry: Entry, entry_id: int | None = None
) -> Step | None:
    """Lets what passes and waits for its time start now; None when it stopped and changed nothing.

    The walk must look for delayed tasks. `entry` as in `delete_tasks`, with the number `released`.
    """
    return await _change(conn, sql(_PACKAGE, "run_tasks"), walk, batch, "released", entry, entry_id)


async def count_tasks(conn: psycopg.AsyncConnection, walk: Walk, batch: Batch) -> Step | None:
    """Counts what `delete_tasks` would delete; None when it stopped."""
    try:
        async with conn.transaction():
            return await _look(conn, sql(_PACKAGE, "count_tasks"), walk, batch)
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
) -> Step | None:
    try:
        async with conn.transaction():
            step = await _look(conn, statement, walk, batch)
            if not step.done:
                return msgspec.structs.replace(step, entry_id=entry_id)
            if entry_id is None:
                details = {**(entry.details or {}), counted: step.done}
                entry_id = await audit.record(conn, msgspec.structs.replace(entry, details=details))
            else:
                await audit.amend(conn, entry_id, counted, step.done)
            return msgspec.structs.replace(step, entry_id=entry_id)
    except STOPPED:
        return None


async def _look(conn: psycopg.AsyncConnection, statement: LiteralString, walk: Walk, batch: Batch) -> Step:
    await conn.execute(STEP_SETTINGS)
    looked = walk_ids(walk.chosen, batch.size) if batch.ids is None else these_ids(walk.chosen)
    query = psql.SQL(statement).format(looked=looked, picked=pick_looked_at(walk.chosen))
    params = {
        **msgspec.structs.asdict(walk.chosen),
        "started": walk.started,
        "until": walk.until,
        "after": batch.after,
        "ids": batch.ids,
    }
    row = await (await conn.execute(query, params, prepare=False)).fetchone()
    assert row is not None
    done, running, left, queues, last, count = row
    return Step(done=done, running=running, left=left, queues=queues, last=last, looked=count)
