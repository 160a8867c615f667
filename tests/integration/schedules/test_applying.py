"""The stored schedules become those of a file or a module: all of them or none, and once."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from lapinq_core.domain.schedules.definition import WrongSchedules
from lapinq_core.schedules import schedules
from lapinq_core.schedules.applying import KeptElsewhere, apply
from lapinq_core.schedules.comparing import Gone, Others, Step, Wanted
from lapinq_core.schedules.schedules import Schedule, ScheduleFilter
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import SOMEBODY, Conn, Connections
from tests.support.rows.schedules import add_schedule, definition, set_clock

NOON = "2026-03-02 12:00:00+00"
FILE = "jobs.toml"


def want(name: str, enabled: bool | None = None, source: str = FILE, **values: Any) -> Wanted:
    return Wanted(definition=definition(name, **values), source=source, enabled=enabled)


async def applied(
    conn: Conn, *wanted: Wanted, source: str = FILE, gone: Gone = Gone.LEFT, **how: Any
) -> list[Step]:
    return await apply(conn, wanted, [source], by=SOMEBODY, gone=gone, **how)


async def done(conn: Conn, *wanted: Wanted, source: str = FILE, **how: Any) -> dict[str, str]:
    return {step.name: step.action.value for step in await applied(conn, *wanted, source=source, **how)}


async def found(conn: Conn, name: str) -> Schedule:
    schedule = await schedules.get_schedule(conn, name)
    assert schedule is not None
    return schedule


async def names(conn: Conn) -> list[str]:
    return [one.name for one in (await schedules.list_schedules(conn, ScheduleFilter(), 100))[0]]


async def snapshot(conn: Conn) -> list[tuple[Any, ...]]:
    cursor = await conn.execute("SELECT s::text FROM lapinq_schedules s ORDER BY id")
    noted = await conn.execute("SELECT action, target, details::text FROM lapinq_audit ORDER BY id")
    return [*await cursor.fetchall(), *await noted.fetchall()]


async def test_schedules_are_created_changed_and_left_and_a_second_time_nothing_is(conn: Conn) -> None:
    first = [want("a"), want("b", every="90m", args=[1], metadata={"x": 1.5}), want("c", priority=5)]
    assert await done(conn, *first) == {"a": "created", "b": "created", "c": "created"}
    made = await found(conn, "b")
    assert (made.source, made.every, made.updated_by) == (FILE, "1h30m", "lisa")
    second = [want("c"), want("b", every="1h30m", args=[1], metadata={"x": 1.5}), want("a", cron="@daily")]
    steps = await applied(conn, *second)
    assert [(step.name, step.action, step.changes) for step in steps] == [
        ("a", "changed", {"cron": ["* * * * *", "@daily"]}),
        ("b", "unchanged", {}),
        ("c", "changed", {"priority": [5, 0]}),
    ]
    assert (await found(conn, "c")).priority == 0
    before = await snapshot(conn)
    assert await done(conn, *second) == dict.fromkeys("abc", "unchanged")
    assert await snapshot(conn) == before


async def test_a_dry_run_answers_the_same_and_writes_nothing(conn: Conn) -> None:
    await done(conn, want("a"), want("gone"), want("paused", enabled=False))
    before = await snapshot(conn)
    wanted = [want("a", priority=1), want("fresh", enabled=False), want("paused", enabled=True)]
    dry = await applied(conn, *wanted, gone=Gone.DELETED, is_dry=True)
    assert await snapshot(conn) == before
    assert await applied(conn, *wanted, gone=Gone.DELETED) == dry
    assert [(step.name, step.action) for step in dry] == [
        ("a", "changed"),
        ("fresh", "created"),
        ("paused", "changed"),
        ("gone", "deleted"),
    ]


async def test_what_the_file_has_no_longer_is_told_or_deleted_and_nobody_elses_is(conn: Conn) -> None:
    await add_schedule(conn, "by hand")
    await done(conn, want("other", source="x.toml"), source="x.toml")
    await done(conn, want("a"), want("b"))
    assert await done(conn, want("a")) == {"a": "unchanged", "b": "gone"}
    assert (await found(conn, "b")).state == "active"
    assert await done(conn, want("a"), gone=Gone.DELETED) == {"a": "unchanged", "b": "deleted"}
    assert await done(conn, gone=Gone.DELETED) == {"a": "deleted"}
    assert await names(conn) == ["by hand", "other"]


async def test_a_file_pauses_and_resumes_and_else_leaves_that_alone(conn: Conn) -> None:
    await done(conn, want("a", enabled=False))
    made = await found(conn, "a")
    assert (made.state, made.pause_reason, made.paused_by) == ("paused", f"disabled in {FILE}", "lisa")
    assert await done(conn, want("a")) == {"a": "unchanged"}
    await done(conn, want("a", enabled=True, priority=2))
    made = await found(conn, "a")
    assert (made.state, made.priority) == ("active", 2)
    await done(conn, want("a", enabled=False, priority=2))
    assert (await found(conn, "a")).state == "paused"


async def test_what_is_kept_elsewhere_is_refused_left_or_taken_over(conn: Conn) -> None:
    await add_schedule(conn, "hand")
    await done(conn, want("other", source="x.toml"), source="x.toml")
    wanted = [want("hand"), want("fresh"), want("other")]
    with pytest.raises(KeptElsewhere, match=r"hand \(by hand\), other \(x.toml\)"):
        await applied(conn, *wanted)
    assert await names(conn) == ["hand", "other"]
    left = {"hand": "elsewhere", "fresh": "created", "other": "elsewhere"}
    assert await done(conn, *wanted, others=Others.LEFT) == left
    await applied(conn, *wanted, others=Others.TAKEN)
    assert [(await found(conn, name)).source for name in ("hand", "fresh", "other")] == [FILE] * 3
    assert await done(conn, *wanted) == dict.fromkeys(("hand", "fresh", "other"), "unchanged")


async def test_one_that_cannot_be_keeps_all_from_being_applied(conn: Conn) -> None:
    await set_clock(conn, NOON)
    await done(conn, want("a"), want("b"))
    before = await snapshot(conn)
    past = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(WrongSchedules) as caught:
        await applied(conn, want("a", ends_at=past), want("b", ends_at=past), want("c"))
    assert str(caught.value) == ("a: ends_at: must not be in the past\nb: ends_at: must not be in the past")
    assert await snapshot(conn) == before


async def test_several_at_once_make_each_schedule_once(connections: Connections) -> None:
    conns = await connections(4)
    wanted = [want(f"s{number}") for number in range(10)]
    answers = await asyncio.gather(*(done(conn, *wanted) for conn in conns))
    assert sorted(set(answer.values()).pop() for answer in answers) == ["created", *["unchanged"] * 3]
    cursor = await conns[0].execute("SELECT count(*) FROM lapinq_audit WHERE action = 'schedule.create'")
    assert await cursor.fetchone() == (10,)


async def test_what_somebody_changes_or_makes_meanwhile_is_looked_at_again(connections: Connections) -> None:
    """The other one holds the schedule when it is looked at, and has changed it once it is written."""
    one, other = await connections(2)
    await done(one, want("a"), want("b"))
    async with other.transaction():
        await schedules.change(other, "b", {"jitter": 5.0}, None, by=SOMEBODY)
        applying = asyncio.create_task(applied(one, want("a", priority=1), want("b", priority=1)))
        await eventually_async(lambda: is_held_up(other, one))
    steps = await applying
    assert steps[1].changes == {"priority": [0, 1], "jitter": [5.0, 0.0]}
    changed = await found(one, "b")
    assert (changed.priority, changed.jitter) == (1, 0.0)
    async with other.transaction():
        await schedules.create(other, definition("c"), by=SOMEBODY)
        applying = asyncio.create_task(applied(one, want("a", priority=2), want("c")))
        await eventually_async(lambda: is_held_up(other, one))
    with pytest.raises(KeptElsewhere):
        await applying
    assert (await found(one, "a")).priority == 1
