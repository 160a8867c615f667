"""Fires schedules: enqueues exactly one task for each tick that runs, however many schedulers try and however often.

Any number of schedulers may query at the same time. The protocol of a tick, in one transaction: lock the schedule in
the version that was read, so that a pause or a change comes either before or after; insert the tick, whose primary key
lets only one scheduler continue; take the slot, if runs must not overlap; store the task; advance the schedule. A
scheduler that dies in between leaves nothing behind, and the next query of another scheduler finds the tick still due.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from lapinq_core.db.rows import all_rows, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import InvalidValue, LapinqError
from lapinq_core.domain.ids import new_ids
from lapinq_core.domain.schedules.schedule import task_at, when
from lapinq_core.domain.schedules.ticks import DueTicks, TickOutcome, due_ticks
from lapinq_core.intake import enqueueing
from lapinq_core.people import audit
from lapinq_core.people.audit import Author
from lapinq_core.schedules import schedules
from lapinq_core.schedules.overlaps import Tick, resolve_overlaps, slots
from lapinq_core.schedules.schedules import Schedule, UnknownSchedule, as_schedule

sql = sql_of(__name__)

PAGE = 100
"""Schedules read by one statement."""
NO_ARGUMENTS: Mapping[str, Any] = {}
MAX_AT_ONCE = 500
"""Ticks handled in one transaction, unless a single schedule has more."""

log = logging.getLogger(__name__)


class StillRuns(LapinqError):
    """The previous run has not ended, and the schedule allows no overlap; `task_id` is that run.

    It is None if that run has ended, and a held tick is about to start.
    """

    def __init__(self, task_id: str | None) -> None:
        super().__init__(
            "a held tick is about to start"
            if task_id is None
            else f"the previous run, task {task_id}, has not ended"
        )
        self.task_id = task_id

    def __reduce__(self) -> tuple[type["StillRuns"], tuple[str | None]]:
        return type(self), (self.task_id,)


class HandledTick(msgspec.Struct, frozen=True):
    """A handled tick, and how many seconds after its planned time."""

    outcome: TickOutcome
    late_by: float


class Outlook(msgspec.Struct, frozen=True):
    """Seconds until the next tick is due, None if there is none; whether a tick is due now, and whether one is held."""

    next_in: float | None
    has_due: bool
    has_held: bool


class RunTick(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of *Run now*; `task_id` is null while the tick is held."""

    fire_at: datetime
    outcome: TickOutcome
    task_id: str | None


async def fire_due(conn: psycopg.AsyncConnection) -> tuple[list[HandledTick], set[str]]:
    """Handles every tick that is due; `conn` is in no transaction.

    Returns the ticks, and the queues in which a task may start: the caller wakes the workers. A schedule whose next
    times cannot be computed is logged and skipped; the others continue.
    """
    handled: list[HandledTick] = []
    woken: set[str] = set()
    async for page in due_pages(conn):
        for batch in _batches(page):
            ticks, queues = await fire(conn, batch)
            handled += ticks
            woken |= queues
    return handled, woken


async def release_held(conn: psycopg.AsyncConnection) -> set[str]:
    """Enqueues held ticks whose previous run has ended. Returns the queues; otherwise like `fire_due`."""
    rows = await _rows(conn, "held_ticks", limit=PAGE)
    if not rows:
        return set()
    held = {row["id"]: (row.pop("fire_at"), as_schedule(row)) for row in rows}
    async with conn.transaction():
        locked = await lock(conn, [schedule for _, schedule in held.values()])
        free = [state.id for state in await slots(conn, locked) if state.running is None]
        task_ids = dict(zip(free, new_ids(len(free)), strict=True))
        released = await _all(
            conn,
            "release_ticks",
            ticks=_json(
                [
                    {"schedule_id": one, "fire_at": held[one][0], "task_id": task_id}
                    for one, task_id in task_ids.items()
                ]
            ),
        )
        going = sorted(row[0] for row in released)
        await conn.execute(sql("take_slots"), {"ids": going, "tasks": [task_ids[one] for one in going]})
        tasks = [task_at(held[one][1], held[one][0], task_ids[one]) for one in going]
        return await enqueueing.enqueue(conn, sorted(tasks, key=lambda task: task.id)) if tasks else set()


async def look_ahead(conn: psycopg.AsyncConnection) -> Outlook:
    """When to query next."""
    return Outlook(*await one_row(conn, sql("next_tick"), prepare=True))


async def run_now(
    conn: psycopg.AsyncConnection, name: str, *, by: Author, arguments: Mapping[str, Any] = NO_ARGUMENTS
) -> tuple[RunTick, set[str]]:
    """Runs a schedule once, outside its plan, even if it is paused, with its `args` and `kwargs` or those given.

    Also returns the queues in which a task may start: the caller wakes the workers after the commit. Raises
    `UnknownSchedule`, and `StillRuns` if the previous run has not ended and the schedule skips overlapping ticks, or
    would hold this one: a held tick has no arguments of its own.
    """
    async with conn.transaction():
        now = await schedules.lock(conn, name)
        schedule = await schedules.get_schedule(conn, name)
        if schedule is None:
            raise UnknownSchedule
        tick, queues = await _run_at(conn, msgspec.structs.replace(schedule, **arguments), now, by)
        if tick.outcome is TickOutcome.SKIPPED or (tick.outcome is TickOutcome.HELD and arguments):
            raise StillRuns(tick.blocked_by)
        task_id = tick.task_id if tick.outcome is TickOutcome.ENQUEUED else None
        if tick.outcome is TickOutcome.HELD:
            await schedules.notify_schedulers(conn)
        await audit.record(
            conn,
            by.did(
                "schedule.run",
                name,
                {"task_id": task_id, "changes": sorted(arguments)} if arguments else {"task_id": task_id},
            ),
        )
    return RunTick(fire_at=tick.fire_at, outcome=tick.outcome, task_id=task_id), queues


async def _run_at(
    conn: psycopg.AsyncConnection, schedule: Schedule, now: datetime, by: Author
) -> tuple[Tick, set[str]]:
    """Handles an unplanned tick at `now` or, if that time is taken, as soon after it as possible."""
    fire_at = now
    while True:
        ticks, queues = await _handle(conn, [_Firing(schedule, DueTicks([fire_at], None), now, by.actor)])
        if ticks:
            return ticks[0], queues
        fire_at += datetime.resolution


class _Firing(msgspec.Struct, frozen=True):
    """A schedule with its due ticks, and when they were read."""

    schedule: Schedule
    due: DueTicks
    now: datetime
    fired_by: str | None = None


async def due_pages(conn: psycopg.AsyncConnection) -> AsyncIterator[list[_Firing]]:
    """The schedules that are due, a page at a time."""
    after: tuple[Any, int] = ("-infinity", 0)
    while True:
        rows = await _rows(conn, "due_schedules", after_at=after[0], after_id=after[1], limit=PAGE)
        page: list[_Firing] = []
        for row in rows:
            page += _firing(row)
            # Computing times takes a while, and others share the event loop.
            await asyncio.sleep(0)
        if page:
            yield page
        if len(rows) < PAGE:
            return
        after = rows[-1]["next_fire_at"], rows[-1]["id"]


def _firing(row: dict[str, Any]) -> list[_Firing]:
    """The due ticks of the schedule in a row; empty if they cannot be computed."""
    now = row["now"]
    schedule = as_schedule({name: value for name, value in row.items() if name != "now"})
    assert schedule.next_fire_at is not None
    try:
        times = when(schedule, schedule.anchor_at)
        due = due_ticks(times, schedule.next_fire_at, now, schedule.misfire, schedule.misfire_limit)
    except InvalidValue as error:  # for example a time zone that this machine does not know
        log.error("skipped schedule %s: cannot compute its next times: %s", schedule.name, error)  # noqa: TRY400
        return []
    return [_Firing(schedule, due, now)]


def _batches(firings: Sequence[_Firing]) -> Iterator[list[_Firing]]:
    batch: list[_Firing] = []
    count = 0
    for firing in firings:
        if batch and count + len(firing.due.fire) > MAX_AT_ONCE:
            yield batch
            batch, count = [], 0
        batch.append(firing)
        count += len(firing.due.fire)
    if batch:
        yield batch


async def fire(conn: psycopg.AsyncConnection, batch: Sequence[_Firing]) -> tuple[list[HandledTick], set[str]]:
    async with conn.transaction():
        # Only if it is still due at the time that was read: a scheduler stalled for longer than ticks are kept would
        # find their keys free.
        locked = set(await lock(conn, [firing.schedule for firing in batch], if_unmoved=True))
        firings = [firing for firing in batch if firing.schedule.id in locked]
        if not firings:
            return [], set()
        ticks, queues = await _handle(conn, firings)
        moves = [
            {
                "id": firing.schedule.id,
                "version": firing.schedule.version,
                "fire_at": firing.schedule.next_fire_at,
                "following": firing.due.following,
            }
            for firing in firings
        ]
        await conn.execute(sql("move_schedules"), {"moves": _json(moves)}, prepare=True)
    now = firings[0].now
    return [HandledTick(tick.outcome, (now - tick.fire_at).total_seconds()) for tick in ticks], queues


async def _handle(conn: psycopg.AsyncConnection, firings: Sequence[_Firing]) -> tuple[list[Tick], set[str]]:
    """Handles ticks of schedules that the caller has locked: inserts the new ones, and stores their tasks."""
    planned = list(_planned(firings))
    noted = await _all(conn, "insert_ticks", ticks=_json([tick.row for tick in planned]))
    new = set(noted)
    ticks = [tick for tick in planned if tick.key in new]
    await resolve_overlaps(conn, ticks)
    tasks = [
        task_at(tick.schedule, tick.fire_at, tick.task_id)
        for tick in ticks
        if tick.outcome is TickOutcome.ENQUEUED and tick.task_id is not None
    ]
    queues = await enqueueing.enqueue(conn, sorted(tasks, key=lambda task: task.id)) if tasks else set[str]()
    return ticks, queues


def _planned(firings: Sequence[_Firing]) -> Iterator[Tick]:
    """The ticks as first inserted; tasks get their ids in the order of the planned times."""
    runs = sorted(
        ((fire_at, firing) for firing in firings for fire_at in firing.due.fire),
        key=lambda run: (run[0], run[1].schedule.id),
    )
    ids = new_ids(len(runs)) if runs else []
    for task_id, (fire_at, firing) in zip(ids, runs, strict=True):
        missed = firing.due.missed_from if fire_at == firing.due.fire[0] else None
        yield Tick(firing.schedule, fire_at, TickOutcome.ENQUEUED, task_id, missed, firing.fired_by)
    for firing in firings:
        if firing.due.missed_until is not None:
            yield Tick(
                firing.schedule,
                firing.due.missed_until,
                TickOutcome.MISSED,
                None,
                firing.due.missed_from,
                None,
            )


async def lock(
    conn: psycopg.AsyncConnection, found: Sequence[Schedule], *, if_unmoved: bool = False
) -> list[int]:
    """Locks schedules that still have the version they were read with, and if given that next time, skipping those that
    others have locked; returns their ids."""
    at = [one.next_fire_at if if_unmoved else None for one in found]
    params = {"ids": [one.id for one in found], "versions": [one.version for one in found], "at": at}
    return [row[0] for row in await _all(conn, "lock_schedules", **params)]


async def _all(conn: psycopg.AsyncConnection, verb: str, **params: Any) -> list[Any]:
    return await all_rows(conn, sql(verb), params, prepare=True)


async def _rows(conn: psycopg.AsyncConnection, verb: str, **params: Any) -> list[dict[str, Any]]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql(verb), params, prepare=True)).fetchall()


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
