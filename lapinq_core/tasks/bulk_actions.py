"""Bulk actions: walks over many tasks (`bulk.py`) that servers make in turns, after the request for them was answered.

A row tells who wants what, and how far the walk has come: each step writes that down in its own transaction. A server
takes an action for some seconds, walks on, and gives it back; the next to take it is the one that has waited longest.
So many go on side by side, and one whose server was killed goes on with another, at most `LEASE_SECONDS` later, from
where its last step ended.

Taking it gives the server a token. A step whose action has meanwhile been stopped, or taken by another server, does not
find its token and is undone.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import psycopg
from psycopg import sql as psql

from lapinq_core.db.rows import all_rows, first_value, maybe_row, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.accounts.account import ActorKind, Permission
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.people import audit
from lapinq_core.people.audit import Author
from lapinq_core.tasks import bulk
from lapinq_core.tasks.bulk import Batch, Change, Step, Walk
from lapinq_core.tasks.filters import TaskFilter

sql = sql_of(__name__)

LEASE_SECONDS = 60.0
"""How long a server keeps an action without a step; longer than the slowest step takes."""
MAX_ACTIVE = 50
MAX_ACTIVE_OF_ONE = 10
"""Actions that have not ended, of all and of one caller."""
PRUNE_LIMIT = 500


class Verb(StrEnum):
    """What happens to each task."""

    CANCEL = "cancel"
    DELETE = "delete"
    REQUEUE = "requeue"
    RUN = "run"


PERMISSIONS = {
    Verb.CANCEL: Permission.CANCEL,
    Verb.DELETE: Permission.DELETE,
    Verb.REQUEUE: Permission.REQUEUE,
    Verb.RUN: Permission.REQUEUE,
}
"""What each takes on every queue that its filters name; without any, on all queues."""


class BulkState(StrEnum):
    """`WAITING`: no server has taken it yet. `FAILED`: it could not go on, see its error."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


class TooManyActions(LapinqError):
    """Too many bulk actions have not ended yet; wait for one, or stop one."""


class Overtaken(LapinqError):
    """The action was stopped, or another server has it. The step was undone."""


class NewAction(msgspec.Struct, frozen=True, kw_only=True):
    """An action to start. `filters` are the parameters of its request, `queues` those that they name, None for all.

    `expected` is how many tasks a dry run counted, if there was one.
    """

    verb: Verb
    filters: dict[str, str]
    queues: list[str] | None
    expected: int | None


class BulkAction(msgspec.Struct, frozen=True, kw_only=True):
    """An action and how far it is. `skipped` tasks matched but could not change, as `bulk.Step` tells."""

    id: str
    verb: Verb
    filters: dict[str, str]
    queues: list[str] | None
    state: BulkState
    done: int
    skipped: int
    expected: int | None
    actor: str
    created_at: datetime
    ended_at: datetime | None
    stopped_by: str | None
    error: str | None

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """An action that this server took. Its walk goes on after the id `reached`, and with `remaining`.

    `named_arguments` is that of the filter at the start, as positions may change meanwhile.
    """

    id: str
    token: str
    verb: Verb
    filters: dict[str, str]
    named_arguments: str | None
    queues: list[str] | None
    by: Author
    entry_id: int
    started: datetime
    until: str
    reached: str | None
    remaining: list[str]


async def start(
    conn: psycopg.AsyncConnection, new: NewAction, chosen: TaskFilter, audit_action: str, *, by: Author
) -> BulkAction:
    """Stores an action on the tasks that match `chosen` now, with an audit entry. Raises `TooManyActions`."""
    action_id = new_id()
    queue = new.queues[0] if new.queues and len(new.queues) == 1 else None
    async with conn.transaction():
        of_actor = {"actor_kind": by.actor_kind, "actor_id": by.actor_id}
        active, own = await one_row(conn, sql("count_bulk_actions"), of_actor)
        if active >= MAX_ACTIVE or own >= MAX_ACTIVE_OF_ONE:
            raise TooManyActions
        walk = await bulk.begin(conn, chosen)
        details = {"filters": new.filters, "bulk_action": action_id}
        params = {
            **msgspec.structs.asdict(new),
            **of_actor,
            "filters": msgspec.json.encode(new.filters).decode(),
            "named_arguments": chosen.named_arguments,
            "id": action_id,
            "actor": by.actor,
            "entry_id": await audit.record(conn, by.did(audit_action, queue, details)),
            "started": walk and walk.started,
            "until": walk and walk.until,
        }
        return _action(await one_row(conn, _shown("start_bulk_action"), params))


async def take(conn: psycopg.AsyncConnection, lease: float = LEASE_SECONDS) -> Taken | None:
    """The action that waits longest for a server; None if there is none."""
    row = await maybe_row(conn, sql("take_bulk_action"), {"lease": lease}, prepare=True)
    if row is None:
        return None
    action_id, token, verb, filters, named_arguments, queues, *rest = row
    kind, actor_id, actor, entry_id, started, until, reached, remaining = rest
    return Taken(
        id=action_id,
        token=token,
        verb=Verb(verb),
        filters=_filters.decode(filters),
        named_arguments=named_arguments,
        queues=queues,
        by=Author(actor_kind=ActorKind(kind), actor_id=actor_id, actor=actor),
        entry_id=entry_id,
        started=started,
        until=until,
        reached=reached,
        remaining=remaining,
    )


async def advance(
    conn: psycopg.AsyncConnection, taken: Taken, change: Change, walk: Walk, batch: Batch
) -> Step | None:
    """Makes a step and writes it down; None when it gave way and changed nothing. Raises `Overtaken`."""
    entry = taken.by.did(f"bulk.{taken.verb}")  # exists already: only its numbers grow
    async with conn.transaction():
        step = await change(conn, walk, batch, entry, taken.entry_id)
        if step is None:
            return None
        params = {
            "id": taken.id,
            "token": taken.token,
            "done": step.done,
            "skipped": step.running,
            "reached": step.last if batch.ids is None else None,
            "remaining": step.left,
            "lease": LEASE_SECONDS,
        }
        if await maybe_row(conn, sql("advance_bulk_action"), params) is None:
            raise Overtaken
        return step


async def give_back(conn: psycopg.AsyncConnection, taken: Taken) -> None:
    """Lets a server take it again. Does nothing if it has ended or another one has it."""
    await conn.execute(sql("free_bulk_action"), {"id": taken.id, "token": taken.token})


async def end(conn: psycopg.AsyncConnection, taken: Taken, error: str | None = None) -> None:
    """Ends it: as completed, or with an `error`. Does nothing if it has ended or another server has it."""
    outcome = BulkState.COMPLETED if error is None else BulkState.FAILED
    params = {"id": taken.id, "token": taken.token, "outcome": outcome, "error": error}
    await conn.execute(sql("end_bulk_action"), params)


async def stop(conn: psycopg.AsyncConnection, action_id: str, *, by: Author) -> BulkAction | None:
    """Stops it, with an audit entry, and returns it. One that has ended stays as it is. None for an unknown id."""
    async with conn.transaction():
        if await maybe_row(conn, sql("stop_bulk_action"), {"id": action_id, "by": by.actor}) is not None:
            await audit.record(conn, by.did("bulk.stop", action_id))
        return await get(conn, action_id)


async def get(conn: psycopg.AsyncConnection, action_id: str) -> BulkAction | None:
    """The action; None for an unknown id."""
    row = await maybe_row(conn, _shown("get_bulk_action"), {"id": action_id}, prepare=True)
    return None if row is None else _action(row)


async def list_actions(
    conn: psycopg.AsyncConnection,
    limit: int,
    *,
    readable: Readable = None,
    before: str | None = None,
    is_active: bool = False,
) -> tuple[list[BulkAction], str | None]:
    """The newest actions, at most `limit`, and the id to continue from, or None; with `is_active` those not ended.

    Who may not read all queues sees those that name only queues they may read.
    """
    params = {"limit": limit + 1, "queues": as_list(readable), "before": before, "is_active": is_active}
    rows = await all_rows(conn, _shown("bulk_actions"), params, prepare=False)
    found = [_action(row) for row in rows[:limit]]
    return found, found[-1].id if len(rows) > limit else None


async def prune(conn: psycopg.AsyncConnection, limit: int = PRUNE_LIMIT) -> int:
    """Deletes actions that ended a month ago, at most `limit`; returns how many."""
    return await first_value(conn, sql("prune_bulk_actions"), {"limit": limit}, prepare=True)


_filters = msgspec.json.Decoder(dict[str, str])
_COLUMNS = psql.SQL(
    "id::text, verb, filters::text, queues,"
    " coalesce(outcome, CASE WHEN token IS NULL THEN 'waiting' ELSE 'running' END),"
    " done, skipped, expected, actor, created_at, ended_at, stopped_by, error"
)


def _shown(verb: str) -> psql.Composed:
    return psql.SQL(sql(verb)).format(columns=_COLUMNS)


def _action(row: tuple[Any, ...]) -> BulkAction:
    action_id, verb, filters, queues, state, *rest = row
    names = BulkAction.__struct_fields__[5:]
    return BulkAction(
        id=action_id,
        verb=Verb(verb),
        filters=_filters.decode(filters),
        queues=queues,
        state=BulkState(state),
        **dict(zip(names, rest, strict=True)),
    )
