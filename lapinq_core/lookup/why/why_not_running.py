"""Why a task is not running, or does not end, as data: the first reason that applies.

For a pending task, in this order:

1. `Expiring`: its time to live is over, or ends before it is due. It never starts, whatever anybody does.
2. Before it is due: `Waits`, if it is durable and suspended; `OtherVersion`, if no worker has the version of its
   function, or its last attempt was on one that hasn't; `CannotImport` if its last attempt did not find its function,
   as the next one will not either; else `NotDue`. No other reason can hold it up yet. Nor can one before its parents
   in a workflow have ended: `Parents`.
3. `QueuePaused`, `NoWorker`, `AllQuiet`: no task of its queue starts until somebody acts, `OtherVersion`, and
   `BreakerOpen`: none of its queue or its task name does until a probe succeeds. They come before `CannotImport`, whose
   cause may be fixed by now: only another attempt can tell.
4. `LimitTooSmall`, as it never passes by itself, then `CannotImport`.
5. What its key, its named limits and its queue's policy do not allow, in the order of `blocking.py`.
6. `AllBusy`, then `Isolated`, then `FairTurn` or `InLine`: it gets its turn.

For a running task: `WorkerDead`, `WorkerLate`, `CancelRequested`; None if all is well. None, too, for a task that has
ended. Tasks with a higher priority in other queues, which workers take first, are not considered.
"""

import re
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, maybe_row, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.limits.breakers import get_breaker
from lapinq_core.lookup.search.backward_scan import SETTINGS, set_limit
from lapinq_core.lookup.why.blocking import (
    MAX_NAMED,
    Block,
    Kind,
    LimitTooSmall,
    find_block,
    read_blocks,
    too_small,
)
from lapinq_core.lookup.why.line import Ahead, QueuePosition, count_ahead, count_turns_ahead
from lapinq_core.workflows.reading import Neighbour, place_of

sql = sql_of(__name__)

LATE_SHARE = 0.5
"""A worker is late when it has sent no heartbeat for this share of its lease."""
_STATEMENT_SECONDS = 1.0


class Expiring(msgspec.Struct, frozen=True, tag="expiring"):
    """Its time to live ends, or ended, before it can start; `due_at` is None if it is due already."""

    expires_at: datetime
    due_at: datetime | None


class NotDue(msgspec.Struct, frozen=True, tag="not_due"):
    """It is delayed: scheduled, snoozed, or waiting for its retry (`is_retry`) after `last_error`."""

    due_at: datetime
    is_retry: bool
    last_error: str | None


class Wait(msgspec.Struct, frozen=True):
    """A wait of a suspended task since `since`, until `until` if it is not None: for the first of `signals`; for the
    end of the task `child_id`, whose status is `child_status`; or, with neither, for `until`. The child is not told,
    both are None, to readers who may not read all queues."""

    kind: Literal["sleep", "signal", "task"]
    signals: list[str]
    child_id: str | None
    child_status: str | None
    since: datetime
    until: datetime | None


class Waits(msgspec.Struct, frozen=True, tag="suspended"):
    """It is suspended, and goes on with the first of these: `first` are the oldest, of `count`. `unexpected` are
    names of signals that have come and that none of its waits is for."""

    task_id: str
    first: list[Wait]
    count: int
    unexpected: list[str] = []


class WorkerVersion(msgspec.Struct, frozen=True):
    """The version of the function that a worker has, None for one without."""

    worker: str
    version: str | None


class OtherVersion(msgspec.Struct, frozen=True, tag="other_version"):
    """It goes on under the version `needed` of its function alone, None for the one without a version. `able` living
    workers have that, and the `others` have another. It is due at `due_at`, None if it is due."""

    task_id: str
    needed: str | None
    able: int
    others: list[WorkerVersion]
    due_at: datetime | None


class Parents(msgspec.Struct, frozen=True, tag="parents"):
    """It waits for `count` parents in its workflow; `first` are the first of them, none if they were not asked for."""

    count: int
    first: list[Neighbour]


class CannotImport(msgspec.Struct, frozen=True, tag="cannot_import"):
    """Its last attempt could not import its function. `due_at` is None if it is due."""

    module: str
    last_error: str
    due_at: datetime | None


class QueuePaused(msgspec.Struct, frozen=True, tag="queue_paused"):
    """Its queue is paused: by whom, when and why."""

    by: str | None
    at: datetime
    reason: str | None


class NoWorker(msgspec.Struct, frozen=True, tag="no_worker"):
    """No worker that is alive serves its queue."""

    queue: str


class AllQuiet(msgspec.Struct, frozen=True, tag="all_quiet"):
    """All `workers` that serve its queue are quiet."""

    queue: str
    workers: int


class BreakerOpen(msgspec.Struct, frozen=True, tag="breaker_open"):
    """The circuit breaker of its queue or, if `task_name` is given, of its task name is open since `since`, after this
    many `failures` in a row, or of this many `attempts` within the window. It tries one task at `tries_at`; if that
    is None, it tries `probe_id`, or the next task."""

    queue: str
    since: datetime
    failures: int
    attempts: int | None
    window_seconds: float
    tries_at: datetime | None
    probe_id: str | None
    task_name: str | None = None


class AllBusy(msgspec.Struct, frozen=True, tag="all_busy"):
    """The workers of its queue have no free slot."""

    running: int
    slots: int
    ahead: Ahead


class Isolated(msgspec.Struct, frozen=True, tag="isolated"):
    """Its last attempt crashed its worker or process: it waits for isolation."""

    isolation: Isolation
    ahead: Ahead


class FairTurn(msgspec.Struct, frozen=True, tag="fair_turn"):
    """Its queue shares starts among keys: about `before` tasks start before it, `ahead` of them of its own key."""

    before: Ahead
    ahead: Ahead


class InLine(msgspec.Struct, frozen=True, tag="waiting"):
    """It gets its turn after those ahead of it."""

    ahead: Ahead


class WorkerDead(msgspec.Struct, frozen=True, tag="worker_dead"):
    """Its worker was declared dead or deleted; if deleted, `name` and `beat_at` are None."""

    worker_id: str
    name: str | None
    beat_at: datetime | None


class WorkerLate(msgspec.Struct, frozen=True, tag="worker_late"):
    """Its worker's heartbeat is late; it may be declared dead at `dead_after`."""

    worker_id: str
    name: str
    beat_at: datetime
    dead_after: datetime


class CancelRequested(msgspec.Struct, frozen=True, tag="cancel_requested"):
    """Its worker has been requested to stop it."""

    at: datetime


Reason = (
    Expiring
    | NotDue
    | Waits
    | OtherVersion
    | Parents
    | CannotImport
    | QueuePaused
    | NoWorker
    | AllQuiet
    | BreakerOpen
    | LimitTooSmall
    | Block
    | AllBusy
    | Isolated
    | FairTurn
    | InLine
    | WorkerDead
    | WorkerLate
    | CancelRequested
)


async def find_reason(
    conn: psycopg.AsyncConnection, task_id: str, *, names_parents: bool = True
) -> Reason | None:
    """Why the task waits, or what is wrong with its attempt; None if nothing is. See above.

    Parents may be in other queues: `names_parents` is False for readers who may not read all queues. `conn` is in no
    transaction.
    """
    async with conn.transaction():
        await conn.execute(SETTINGS)
        await set_limit(conn, _STATEMENT_SECONDS)
        row = await maybe_row(conn, sql("find_reason"), {"id": task_id}, prepare=False)
        if row is None:
            return None
        facts = _Facts(*row)
        if facts.worker_id is not None:
            return _of_running(facts)
        waits = await _waits(conn, task_id, names_children=names_parents) if facts.is_delayed else None
        if waits is not None and any(one.kind != "sleep" for one in waits.first):
            facts = facts._replace(due_at=None)  # it may go on at any time
        reason = _of_itself(facts)
        if waits is not None and not isinstance(reason, Expiring):
            return waits
        if (reason is None or isinstance(reason, NotDue)) and not facts.is_blocked:
            other = await _other_version(conn, task_id, facts)
            if other is not None and (reason is not None or not other.able):
                return other
        if reason is not None:
            return reason
        if facts.is_blocked and (place := await place_of(conn, task_id)) is not None:
            shown = min(MAX_NAMED, place.waits_for) if names_parents else 0
            return Parents(place.waits_for, place.parents[:shown])
        alive, claiming, slots, running = await one_row(
            conn, sql("serving"), {"queue": facts.queue_name}, prepare=False
        )
        if not alive:
            return NoWorker(facts.queue_name)
        if not claiming:
            return AllQuiet(facts.queue_name, alive)
        blocks = await read_blocks(conn, task_id)
        if any(one.kind is Kind.BREAKER for one in blocks):
            stopped = await _open_breaker(conn, facts)
            if stopped is not None:
                return stopped
        if (never := too_small(blocks)) is not None:
            return never
        if facts.import_error is not None:
            return CannotImport(facts.module_path, facts.import_error, None)
        place = facts.place
        if place is None:
            return InLine(Ahead(None))
        ahead = await count_ahead(conn, place, is_strict=facts.order == StartOrder.STRICT_PER_KEY)
        block = await find_block(conn, task_id, place, blocks, ahead, facts.now)
        if block is not None:
            return block
        if running >= slots:
            return AllBusy(running, slots, ahead)
        if facts.isolation >= Isolation.ISOLATED:
            return Isolated(Isolation.ISOLATED, ahead)
        if facts.order == StartOrder.FAIR and place.lane is not None:
            return FairTurn(await count_turns_ahead(conn, place, ahead.count or 0), ahead)
        return InLine(ahead)


async def _waits(conn: psycopg.AsyncConnection, task_id: str, *, names_children: bool) -> Waits | None:
    params = {"id": task_id, "limit": MAX_NAMED}
    rows = await all_rows(conn, sql("waits_of_task"), params, prepare=False)
    if not rows:
        return None
    found = [Wait(*row[1:]) for row in rows]
    if not names_children:
        found = [msgspec.structs.replace(one, child_id=None, child_status=None) for one in found]
    params = {"id": task_id, "most": MAX_NAMED}
    unexpected = await all_rows(conn, sql("unexpected_signals"), params, prepare=False)
    return Waits(task_id, found, rows[0][0], [name for (name,) in unexpected])


async def _other_version(conn: psycopg.AsyncConnection, task_id: str, facts: "_Facts") -> OtherVersion | None:
    """If no living worker is known to have the version of its steps, but another; or if its last attempt met one that
    has another."""
    params = {
        "id": task_id,
        "queue": facts.queue_name,
        "task_name": facts.task_name,
        "module_path": facts.module_path,
    }
    rows = await all_rows(conn, sql("versions_of_task"), params, prepare=False)
    if not rows:
        return None
    needed = rows[0][0]
    able = sum(version == needed for _, worker, version in rows if worker is not None)
    others = [
        WorkerVersion(worker, version)
        for _, worker, version in rows
        if worker is not None and version != needed
    ]
    was_released = facts.last_error is not None and _OTHER_VERSION.match(facts.last_error) is not None
    due_at = facts.due_at if facts.due_at is not None and facts.due_at > facts.now else None
    if (not able and others) or (was_released and due_at is not None):
        return OtherVersion(task_id, needed, able, others[:MAX_NAMED], due_at)
    return None


async def _open_breaker(conn: psycopg.AsyncConnection, facts: "_Facts") -> BreakerOpen | None:
    of_queue = await get_breaker(conn, "queue", facts.queue_name) if facts.is_governed else None
    of_task = await get_breaker(conn, "task", facts.task_name)
    for breaker, task in ((of_queue, None), (of_task, facts.task_name)):
        if breaker is not None and breaker.opened_at is not None and breaker.failures is not None:
            return BreakerOpen(
                facts.queue_name,
                breaker.opened_at,
                breaker.failures,
                breaker.attempts,
                breaker.window_seconds,
                breaker.next_try_at,
                breaker.probe_task_id,
                task,
            )
    return None


def is_import_error(error: str | None) -> bool:
    """Whether an attempt that ended with `error` could not import its function."""
    return error is not None and _IMPORT_ERROR.match(error) is not None


class _Facts(NamedTuple):
    now: datetime
    queue_name: str
    module_path: str
    task_name: str
    due_at: datetime | None
    is_blocked: bool | None
    starts: int
    isolation: int
    expires_at: datetime | None
    rank: int | None
    seq: int | None
    lane: str | None
    is_governed: bool | None
    last_error: str | None
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    order: str
    cancel_requested_at: datetime | None
    worker_id: str | None
    worker_name: str | None
    beat_at: datetime | None
    dead_at: datetime | None
    lease_seconds: float | None

    @property
    def is_delayed(self) -> bool:
        return self.due_at is not None and self.due_at > self.now and not self.is_blocked

    @property
    def import_error(self) -> str | None:
        """The error of its last attempt, if it was an import error. Errors from before a requeue don't count."""
        return self.last_error if self.starts > 0 and is_import_error(self.last_error) else None

    @property
    def place(self) -> QueuePosition | None:
        """None if it is due or was parked, and about to become ready."""
        if self.rank is None or self.seq is None:
            return None
        return QueuePosition(self.queue_name, self.rank, self.seq, self.lane, bool(self.is_governed))


def _of_itself(facts: _Facts) -> Reason | None:
    due_at = facts.due_at if facts.due_at is not None and facts.due_at > facts.now else None
    if facts.expires_at is not None and facts.expires_at <= (due_at or facts.now):
        return Expiring(facts.expires_at, due_at)
    if facts.is_blocked:
        return None
    if due_at is not None:
        if facts.import_error is not None:
            return CannotImport(facts.module_path, facts.import_error, due_at)
        return NotDue(due_at, facts.starts > 0, facts.last_error)
    if facts.paused_at is not None:
        return QueuePaused(facts.paused_by, facts.paused_at, facts.pause_reason)
    return None


def _of_running(facts: _Facts) -> Reason | None:
    assert facts.worker_id is not None
    if facts.worker_name is None or facts.beat_at is None or facts.lease_seconds is None:
        return WorkerDead(facts.worker_id, None, None)
    if facts.dead_at is not None:
        return WorkerDead(facts.worker_id, facts.worker_name, facts.beat_at)
    lease = timedelta(seconds=facts.lease_seconds)
    if facts.beat_at + lease * LATE_SHARE < facts.now:
        return WorkerLate(facts.worker_id, facts.worker_name, facts.beat_at, facts.beat_at + lease)
    return None if facts.cancel_requested_at is None else CancelRequested(facts.cancel_requested_at)


# As `lapinq_core.domain.errors.OtherVersion` writes it.
_OTHER_VERSION = re.compile(r"it needs (version |the one without a version )")
# The names of the errors that `importing.py` and the import system raise, as `running/outcomes.py` writes them.
_IMPORT_ERROR = re.compile(r"(TaskNotFound|ModuleNotFoundError|ImportError)(:|$)")
