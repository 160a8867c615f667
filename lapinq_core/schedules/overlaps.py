"""Keeps runs of a schedule from overlapping. The caller has locked the schedules (`lapinq_core.schedules.firing`).

The current run occupies the schedule's slot, whose primary key allows only one. The slot is freed when the next run
needs it and its task has ended: ends of tasks, which are frequent, do no work for it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.schedules.ticks import Overlap, TickOutcome, outcomes
from lapinq_core.schedules.schedules import Schedule
from lapinq_core.tasks import actions

sql = sql_of(__name__)


class Tick(msgspec.Struct):
    """A tick in progress. `blocked_by` is the run it would overlap, if runs must not overlap."""

    schedule: Schedule
    fire_at: datetime
    outcome: TickOutcome
    task_id: str | None
    missed_from: datetime | None
    fired_by: str | None
    blocked_by: str | None = None

    @property
    def row(self) -> dict[str, Any]:
        """The row to insert for it."""
        return {
            "schedule_id": self.schedule.id,
            "fire_at": self.fire_at,
            "outcome": self.outcome,
            "task_id": self.task_id,
            "missed_from": self.missed_from,
            "fired_by": self.fired_by,
        }

    @property
    def key(self) -> tuple[int, datetime]:
        """The primary key."""
        return self.schedule.id, self.fire_at


class Slot(msgspec.Struct, frozen=True):
    """For a schedule whose runs must not overlap: the run that has not ended, and whether a tick is held."""

    id: int
    running: str | None
    has_held: bool


async def resolve_overlaps(conn: psycopg.AsyncConnection, ticks: Sequence[Tick]) -> None:
    """Decides the outcome of ticks that would overlap an unfinished run, and takes the slot for the others."""
    by_schedule: dict[int, list[Tick]] = {}
    for tick in ticks:
        if tick.outcome is TickOutcome.ENQUEUED and tick.schedule.overlap is not Overlap.ALLOW:
            by_schedule.setdefault(tick.schedule.id, []).append(tick)
    if not by_schedule:
        return
    replaced: list[int] = []
    cancelled: list[str] = []
    for slot in await slots(conn, sorted(by_schedule)):
        those = by_schedule[slot.id]
        overlap = those[0].schedule.overlap
        fates = outcomes(overlap, len(those), is_free=slot.running is None, has_held=slot.has_held)
        for tick, outcome in zip(those, fates, strict=True):
            tick.outcome, tick.blocked_by = outcome, slot.running
        if overlap is Overlap.CANCEL_PREVIOUS and TickOutcome.HELD in fates:
            replaced.append(slot.id)
            cancelled += [slot.running] if slot.running is not None else []
    await conn.execute(sql("drop_held"), {"ids": replaced})
    judged = [tick for those in by_schedule.values() for tick in those]
    others = [tick for tick in judged if tick.outcome is not TickOutcome.ENQUEUED]
    await conn.execute(
        sql("set_tick_outcomes"),
        {"ticks": msgspec.json.encode([tick.row for tick in others]).decode()},
    )
    running = [tick for tick in judged if tick.outcome is TickOutcome.ENQUEUED]
    params = {"ids": [tick.schedule.id for tick in running], "tasks": [tick.task_id for tick in running]}
    await conn.execute(sql("take_slots"), params)
    for task_id in sorted(cancelled):
        if not await actions.cancel(conn, task_id):
            await actions.request_cancel(conn, task_id)


async def slots(conn: psycopg.AsyncConnection, ids: Sequence[int]) -> list[Slot]:
    """The slots of these schedules, after freeing those whose run has ended."""
    rows = await all_rows(conn, sql("free_slots"), {"ids": list(ids)}, prepare=True)
    return [Slot(one, None if task is None else str(task), has_held) for one, task, has_held in rows]
