"""Creates, lists, changes, pauses and deletes schedules. `lapinq_core.schedules.firing` fires them.

Each change locks the schedule's row, as does a scheduler that handles a tick: once a pause is confirmed, the schedule
does not fire. A notification on `SCHEDULES_CHANNEL` tells schedulers of a change when it commits.
"""

from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from lapinq_core.db.rows import first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.interval import interval_text, read_interval
from lapinq_core.domain.queue_filter import QueueFilter
from lapinq_core.domain.schedules.schedule import (
    Definition,
    ScheduleState,
    anchor_of,
    changes_times,
    check_definition,
    task_of,
    when,
)
from lapinq_core.intake import limit_check
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)

SCHEDULES_CHANNEL = "lapinq_schedules"
"""Notifies schedulers that the next time of some schedule may have changed."""


class UnknownSchedule(LapinqError):
    """There is no schedule with this name."""


class ScheduleExists(LapinqError):
    """A schedule with this name exists already."""


class OtherVersion(LapinqError):
    """Somebody else has changed the schedule; `version` is its current version."""

    def __init__(self, version: int) -> None:
        super().__init__(f"somebody else has changed the schedule: its version is {version}")
        self.version = version

    def __reduce__(self) -> tuple[type["OtherVersion"], tuple[int]]:
        return type(self), (self.version,)


class Schedule(Definition, frozen=True, kw_only=True):
    """A stored schedule. `version` grows with each change; `source` is the file or module that declares it.

    `next_fire_at` is null while it is paused, and after its end. The `paused_…` fields are as for queues.
    """

    id: int
    version: int
    anchor_at: datetime
    next_fire_at: datetime | None
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    source: str | None
    created_at: datetime
    updated_at: datetime
    updated_by: str

    @property
    def state(self) -> ScheduleState:
        if self.paused_at is not None:
            return ScheduleState.PAUSED
        return ScheduleState.ENDED if self.next_fire_at is None else ScheduleState.ACTIVE

    @property
    def definition(self) -> Definition:
        """The part that people define."""
        return Definition(**{field: getattr(self, field) for field in Definition.__struct_fields__})


class ScheduleFilter(QueueFilter, frozen=True, kw_only=True):
    """The filters of a list; `part` matches part of the name or the task's name, ignoring case."""

    part: str | None = None
    state: ScheduleState | None = None
    source: str | None = None


async def list_schedules(
    conn: psycopg.AsyncConnection, chosen: ScheduleFilter, limit: int, after: str | None = None
) -> tuple[list[Schedule], str | None]:
    """Schedules by name, at most `limit` after the name `after`; and the name to continue after, or None."""
    found = await _select(conn, **msgspec.structs.asdict(chosen), limit=limit + 1, after=after)
    return found[:limit], found[limit - 1].name if len(found) > limit else None


async def get_schedule(conn: psycopg.AsyncConnection, name: str) -> Schedule | None:
    """The schedule with this name."""
    found = await _select(conn, **msgspec.structs.asdict(ScheduleFilter()), name=name, limit=1)
    return found[0] if found else None


async def create(
    conn: psycopg.AsyncConnection, definition: Definition, *, by: Author, source: str | None = None
) -> Schedule:
    """Stores a new schedule. Raises `InvalidValue` and `ScheduleExists`."""
    async with conn.transaction():
        now = await _now(conn)
        checked = await _checked(conn, definition, now)
        anchor = anchor_of(checked, now)
        params = _columns(checked, anchor, when(checked, anchor).after(now), by, source)
        if await maybe_row(conn, sql("create_schedule"), params) is None:
            raise ScheduleExists
        await audit.record(conn, by.did("schedule.create", checked.name, _told(checked)))
        await notify_schedulers(conn)
        return await _existing(conn, checked.name)


async def change(
    conn: psycopg.AsyncConnection,
    name: str,
    changes: dict[str, Any],
    version: int | None,
    *,
    by: Author,
    source: str | None = None,
) -> Schedule:
    """Sets the fields in `changes` to new values; one of `cron` and `every` replaces the other.

    The next time stays as planned unless a time field changes. `version` is the version that the change is based on,
    None for any. `source` None keeps the source. Raises `InvalidValue`, `UnknownSchedule` and `OtherVersion`.
    """
    async with conn.transaction():
        now = await lock(conn, name)
        found = await _existing(conn, name)
        if version is not None and found.version != version:
            raise OtherVersion(found.version)
        if changes.get("cron") is not None:
            changes = {"every": None, **changes}
        elif changes.get("every") is not None:
            changes = {"cron": None, **changes}
        before = found.definition
        checked = await _checked(conn, msgspec.structs.replace(before, **changes), now)
        source = found.source if source is None else source
        if checked == before and source == found.source:
            return found
        anchor, following = found.anchor_at, found.next_fire_at
        if changes_times(before, checked):
            anchor = checked.starts_at or anchor
            following = when(checked, anchor).after(now) if found.paused_at is None else None
        params = _columns(checked, anchor, following, by, source)
        params |= {"id": found.id, "version": found.version}
        await conn.execute(sql("change_schedule"), params)
        await audit.record(conn, by.did("schedule.change", name, differences(before, checked)))
        await notify_schedulers(conn)
        return await _existing(conn, name)


async def delete(conn: psycopg.AsyncConnection, name: str, *, by: Author) -> None:
    """Deletes a schedule and its history; tasks that it enqueued stay. Raises `UnknownSchedule`."""
    async with conn.transaction():
        await lock(conn, name)
        found = await _existing(conn, name)
        await conn.execute(sql("delete_schedule"), {"id": found.id})
        await audit.record(conn, by.did("schedule.delete", name, _told(found)))


async def pause(conn: psycopg.AsyncConnection, name: str, reason: str | None, *, by: Author) -> Schedule:
    """Pauses a schedule and skips its held tick. If it is paused already, nothing changes. Raises `UnknownSchedule`."""
    async with conn.transaction():
        await lock(conn, name)
        found = await _existing(conn, name)
        params = {"id": found.id, "by": by.actor, "reason": reason}
        if await maybe_row(conn, sql("pause_schedule"), params) is not None:
            await audit.record(conn, by.did("schedule.pause", name, {"reason": reason} if reason else None))
        return await _existing(conn, name)


async def resume(conn: psycopg.AsyncConnection, name: str, *, by: Author) -> Schedule:
    """Resumes a schedule from now on: ticks missed while it was paused are not made up. Raises `UnknownSchedule`."""
    async with conn.transaction():
        now = await lock(conn, name)
        found = await _existing(conn, name)
        params = {"id": found.id, "next_fire_at": when(found, found.anchor_at).after(now)}
        if await maybe_row(conn, sql("resume_schedule"), params) is not None:
            await audit.record(conn, by.did("schedule.resume", name))
            await notify_schedulers(conn)
        return await _existing(conn, name)


def differences(before: Definition, after: Definition) -> dict[str, Any]:
    """The fields that differ, each with its values before and after, or "changed" if they may be secret."""
    changed = [name for name in Definition.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    return {
        name: "changed" if name in _PAYLOADS else [getattr(before, name), getattr(after, name)]
        for name in changed
    }


_PAYLOADS = frozenset({"args", "kwargs", "metadata", "webhook_url"})


def _told(definition: Definition) -> dict[str, Any]:
    fields = ("task_name", "queue_name", "cron", "every", "timezone")
    return {field: value for field in fields if (value := getattr(definition, field)) is not None}


async def _checked(conn: psycopg.AsyncConnection, definition: Definition, now: datetime) -> Definition:
    """As `check_definition`, and that its limits exist: later it would be too late to say so."""
    checked = check_definition(definition, now)
    if checked.limits:
        task = task_of(checked, "")
        limit_check.check([task], await limit_check.find_bursts(conn, [task]))
    return checked


async def _existing(conn: psycopg.AsyncConnection, name: str) -> Schedule:
    found = await get_schedule(conn, name)
    if found is None:
        raise UnknownSchedule
    return found


async def lock(conn: psycopg.AsyncConnection, name: str) -> datetime:
    """Locks the schedule and returns the time. Raises `UnknownSchedule`."""
    row = await maybe_row(conn, sql("lock_schedule"), {"name": name})
    if row is None:
        raise UnknownSchedule
    return row[1]


async def _now(conn: psycopg.AsyncConnection) -> datetime:
    return await first_value(conn, "SELECT lapinq_now()")


async def notify_schedulers(conn: psycopg.AsyncConnection) -> None:
    """Wakes schedulers when the transaction of `conn` commits."""
    # Inside the transaction, so that it is sent with the commit: unlike tasks, schedules change rarely.
    await conn.execute("SELECT pg_notify(%s, '')", (SCHEDULES_CHANNEL,))


async def _select(conn: psycopg.AsyncConnection, **params: Any) -> list[Schedule]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql("list_schedules"), {"name": None, "after": None, **params}, prepare=False)
        return [as_schedule(row) for row in await cursor.fetchall()]


def as_schedule(row: dict[str, Any]) -> Schedule:
    """The schedule in a row with all columns of its table."""
    seconds = row.pop("every_seconds")
    every = None if seconds is None else interval_text(seconds)
    return msgspec.convert({**row, "every": every}, Schedule)


def _columns(
    definition: Definition, anchor: datetime, following: datetime | None, by: Author, source: str | None
) -> dict[str, Any]:
    columns = msgspec.structs.asdict(definition)
    every = columns.pop("every")
    for field in ("args", "kwargs", "metadata", "limits"):
        columns[field] = None if columns[field] is None else msgspec.json.encode(columns[field]).decode()
    return {
        **columns,
        "every_seconds": None if every is None else read_interval(every),
        "anchor_at": anchor,
        "next_fire_at": following,
        "source": source,
        "by": by.actor,
    }
