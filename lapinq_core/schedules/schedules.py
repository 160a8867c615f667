"""Schedules as people manage them. What fires them is `lapinq_core.schedules.firing`.

Each change locks the schedule's row, and so does whoever deals with a tick of it: after a pause was answered nothing
fires any more. Schedulers hear of a change over `SCHEDULES_CHANNEL` once it is committed.
"""

from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from lapinq_core.db.statements import sql
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.interval import interval_text, read_interval
from lapinq_core.domain.schedules.schedule import (
    Definition,
    ScheduleState,
    anchor_of,
    changes_times,
    check_definition,
    when,
)
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

_PACKAGE = "lapinq_core.schedules"

SCHEDULES_CHANNEL = "lapinq_schedules"
"""Tells schedulers that the next instant of some schedule may be another."""


class UnknownSchedule(LapinqError):
    """There is no schedule with this name."""


class ScheduleExists(LapinqError):
    """A schedule with this name exists already."""


class OtherVersion(LapinqError):
    """The schedule was changed by somebody meanwhile; `version` is the one it has now."""

    def __init__(self, version: int) -> None:
        super().__init__(f"the schedule was changed meanwhile: it has version {version}")
        self.version = version

    def __reduce__(self) -> tuple[type["OtherVersion"], tuple[int]]:
        return type(self), (self.version,)


class Schedule(Definition, frozen=True, kw_only=True):
    """A schedule as it is stored. `version` grows with each change; `source` is the file or module that it is kept in.

    `next_fire_at` is null while it is paused, and when it has ended. Pausing is told as of queues.
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
        """What somebody wrote."""
        return Definition(**{field: getattr(self, field) for field in Definition.__struct_fields__})


class ScheduleFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is narrowed to; `part` is of the name or the task's name, in capitals or not."""

    queue: str | None = None
    part: str | None = None
    state: ScheduleState | None = None
    source: str | None = None


async def list_schedules(
    conn: psycopg.AsyncConnection, chosen: ScheduleFilter, limit: int, after: str | None = None
) -> tuple[list[Schedule], str | None]:
    """By name, at most `limit` after the name `after`; and the name to go on after, or None."""
    found = await _select(conn, **msgspec.structs.asdict(chosen), limit=limit + 1, after=after)
    return found[:limit], found[limit - 1].name if len(found) > limit else None


async def get_schedule(conn: psycopg.AsyncConnection, name: str) -> Schedule | None:
    """The schedule of this name."""
    found = await _select(conn, **msgspec.structs.asdict(ScheduleFilter()), name=name, limit=1)
    return found[0] if found else None


async def create(
    conn: psycopg.AsyncConnection, definition: Definition, *, by: Author, source: str | None = None
) -> Schedule:
    """Stores a new schedule. Raises `InvalidValue`, and `ScheduleExists`."""
    async with conn.transaction():
        now = await _now(conn)
        checked = check_definition(definition, now)
        anchor = anchor_of(checked, now)
        params = _columns(checked, anchor, when(checked, anchor).after(now), by, source)
        if await (await conn.execute(sql(_PACKAGE, "create_schedule"), params)).fetchone() is None:
            raise ScheduleExists
        await audit.record(conn, by.did("schedule.create", checked.name, _told(checked)))
        await tell(conn)
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
    """Gives it the values in `changes`, by the name of the field; one of `cron` and `every` replaces the other.

    What is planned already stays as it is unless a time is changed; `version` is the one that the change was made to,
    None for any. `source` stays what it was where it is None. Raises `InvalidValue`, `UnknownSchedule`, `OtherVersion`.
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
        checked = check_definition(msgspec.structs.replace(before, **changes), now)
        source = found.source if source is None else source
        if checked == before and source == found.source:
            return found
        anchor, following = found.anchor_at, found.next_fire_at
        if changes_times(before, checked):
            anchor = checked.starts_at or anchor
            following = when(checked, anchor).after(now) if found.paused_at is None else None
        params = _columns(checked, anchor, following, by, source)
        params |= {"id": found.id, "version": found.version}
        await conn.execute(sql(_PACKAGE, "change_schedule"), params)
        await audit.record(conn, by.did("schedule.change", name, differences(before, checked)))
        await tell(conn)
        return await _existing(conn, name)


async def delete(conn: psycopg.AsyncConnection, name: str, *, by: Author) -> None:
    """Deletes it with its history; the tasks that it enqueued stay. Raises `UnknownSchedule`."""
    async with conn.transaction():
        await lock(conn, name)
        found = await _existing(conn, name)
        await conn.execute(sql(_PACKAGE, "delete_schedule"), {"id": found.id})
        await audit.record(conn, by.did("schedule.delete", name, _told(found)))


async def pause(conn: psycopg.AsyncConnection, name: str, reason: str | None, *, by: Author) -> Schedule:
    """Lets it fire no more; one that is paused already keeps the first to have paused it. Raises `UnknownSchedule`.

    A tick that waits for the run before it is skipped.
    """
    async with conn.transaction():
        await lock(conn, name)
        found = await _existing(conn, name)
        params = {"id": found.id, "by": by.actor, "reason": reason}
        if await (await conn.execute(sql(_PACKAGE, "pause_schedule"), params)).fetchone() is not None:
            await audit.record(conn, by.did("schedule.pause", name, {"reason": reason} if reason else None))
        return await _existing(conn, name)


async def resume(conn: psycopg.AsyncConnection, name: str, *, by: Author) -> Schedule:
    """Lets it fire again, from now on: nothing of the time it was paused is made up for. Raises `UnknownSchedule`."""
    async with conn.transaction():
        now = await lock(conn, name)
        found = await _existing(conn, name)
        params = {"id": found.id, "next_fire_at": when(found, found.anchor_at).after(now)}
        if await (await conn.execute(sql(_PACKAGE, "resume_schedule"), params)).fetchone() is not None:
            await audit.record(conn, by.did("schedule.resume", name))
            await tell(conn)
        return await _existing(conn, name)


def differences(before: Definition, after: Definition) -> dict[str, Any]:
    """The fields that differ, each with its value before and after; only named where it may hold a secret."""
    changed = [name for name in Definition.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    return {
        name: "changed" if name in _PAYLOADS else [getattr(before, name), getattr(after, name)]
        for name in changed
    }


_PAYLOADS = frozenset({"args", "kwargs", "metadata", "webhook_url"})


def _told(definition: Definition) -> dict[str, Any]:
    fields = ("task_name", "queue_name", "cron", "every", "timezone")
    return {field: value for field in fields if (value := getattr(definition, field)) is not None}


async def _existing(conn: psycopg.AsyncConnection, name: str) -> Schedule:
    found = await get_schedule(conn, name)
    if found is None:
        raise UnknownSchedule
    return found


async def lock(conn: psycopg.AsyncConnection, name: str) -> datetime:
    """Locks the schedule and answers the time. Raises `UnknownSchedule`."""
    row = await (await conn.execute(sql(_PACKAGE, "lock_schedule"), {"name": name})).fetchone()
    if row is None:
        raise UnknownSchedule
    return row[1]


async def _now(conn: psycopg.AsyncConnection) -> datetime:
    row = await (await conn.execute("SELECT lapinq_now()")).fetchone()
    assert row is not None
    return row[0]


async def tell(conn: psycopg.AsyncConnection) -> None:
    """Has schedulers look, once the transaction of `conn` is committed."""
    # Inside the transaction, which is what makes it be sent with the commit: unlike tasks schedules change rarely.
    await conn.execute("SELECT pg_notify(%s, '')", (SCHEDULES_CHANNEL,))


async def _select(conn: psycopg.AsyncConnection, **params: Any) -> list[Schedule]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            sql(_PACKAGE, "list_schedules"), {"name": None, "after": None, **params}, prepare=False
        )
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
    for field in ("args", "kwargs", "metadata"):
        columns[field] = None if columns[field] is None else msgspec.json.encode(columns[field]).decode()
    return {
        **columns,
        "every_seconds": None if every is None else read_interval(every),
        "anchor_at": anchor,
        "next_fire_at": following,
        "source": source,
        "by": by.actor,
    }
