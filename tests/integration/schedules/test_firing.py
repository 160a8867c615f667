"""Ticks become tasks: once each, and by the policy for what was missed."""

import asyncio
from datetime import UTC, datetime

import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.schedules.schedule import task_at
from lapinq_core.schedules import firing, schedules
from lapinq_core.schedules.firing import Outlook
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import SOMEBODY, Conn, Connections, status
from tests.support.rows.schedules import add_schedule, set_clock, task_ids, ticks

NOON = "2026-03-02 12:00:00+00"


async def test_a_tick_makes_one_task_and_moves_the_schedule_on(conn: Conn) -> None:
    await set_clock(conn, NOON)
    made = await add_schedule(conn, kwargs={"b": 2}, priority=5, metadata={"team": "ops"})
    assert await firing.fire_due(conn) == ([], set())
    await set_clock(conn, "2026-03-02 12:01:02+00")
    [dealt], woken = await firing.fire_due(conn)
    assert (dealt.outcome, dealt.late_by, woken) == ("enqueued", 2.0, {"default"})
    assert await firing.fire_due(conn) == ([], set())
    [task] = await task_ids(conn)
    assert await all_rows(
        conn, "SELECT task_name, args, kwargs, priority, metadata, scheduled_at::text FROM lapinq_tasks"
    ) == [
        (
            "add",
            [1, 1],
            {"b": 2},
            5,
            {"team": "ops", "schedule": "nightly", "planned_at": "2026-03-02T12:01:00+00:00"},
            "2026-03-02 12:01:00+00",
        )
    ]
    found = await schedules.get_schedule(conn, "nightly")
    assert found is not None
    assert str(found.next_fire_at) == "2026-03-02 12:02:00+00:00"
    assert found.version == made.version
    assert await status(conn, task) == "pending"
    await check_rows(conn, [])


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "pruned"])
async def test_of_two_that_saw_the_same_tick_one_makes_its_task(
    connections: Connections, *, is_kept: bool
) -> None:
    """The second has read the schedule before the first committed, and deals with it afterwards: also when that is so
    long afterwards that the tick is not kept any more."""
    one, other = await connections(2)
    await set_clock(one, NOON)
    await add_schedule(one)
    await set_clock(one, "2026-03-02 12:01:00+00")
    pages = firing.due_pages(other)
    seen = await anext(pages)
    assert len((await firing.fire_due(one))[0]) == 1
    assert await ticks(one) == [("2026-03-02 12:01:00", "enqueued")]
    if not is_kept:
        await one.execute("DELETE FROM lapinq_ticks")
    assert await firing.fire(other, seen) == ([], set())
    assert len(await task_ids(one)) == 1
    assert len(await ticks(one)) == is_kept


async def test_many_at_once_make_one_task_a_tick(connections: Connections) -> None:
    conns = await connections(4)
    await set_clock(conns[0], NOON)
    for n in range(10):
        await add_schedule(conns[0], f"s{n}")
    for minute in range(1, 5):
        await set_clock(conns[0], f"2026-03-02 12:{minute:02}:00+00")
        await asyncio.gather(*(firing.fire_due(conn) for conn in conns))
    await firing.fire_due(conns[0])  # what one left to another that was at it
    for n in range(10):
        assert len(await task_ids(conns[0], f"s{n}")) == 4
    await check_rows(conns[0], [])


async def test_nothing_fires_once_a_pause_was_answered(connections: Connections) -> None:
    one, other = await connections(2)
    await set_clock(one, NOON)
    await add_schedule(one)
    await set_clock(one, "2026-03-02 12:01:00+00")
    seen = await anext(firing.due_pages(other))
    await schedules.pause(one, "nightly", "the disk is full", by=SOMEBODY)
    assert await firing.fire(other, seen) == ([], set())
    assert await ticks(one) == []
    await schedules.resume(one, "nightly", by=SOMEBODY)
    assert await firing.fire_due(one) == ([], set())


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        ("latest", [("2026-03-02 15:00:00", "enqueued")]),
        ("skip", [("2026-03-02 15:00:00", "missed")]),
        ("all", [("2026-03-02 14:00:00", "enqueued"), ("2026-03-02 15:00:00", "enqueued")]),
    ],
)
async def test_what_was_missed_follows_the_policy(
    conn: Conn, misfire: str, expected: list[tuple[str, str]]
) -> None:
    await set_clock(conn, NOON)
    await add_schedule(conn, cron="0 * * * *", misfire=misfire, misfire_limit=2)
    await set_clock(conn, "2026-03-02 15:30:00+00")
    await firing.fire_due(conn)
    assert await ticks(conn) == expected
    cursor = await conn.execute("SELECT missed_from::text FROM lapinq_ticks WHERE missed_from IS NOT NULL")
    assert await cursor.fetchall() == [("2026-03-02 13:00:00+00",)]
    await set_clock(conn, "2026-03-02 16:00:30+00")
    await firing.fire_due(conn)
    assert (await ticks(conn))[-1] == ("2026-03-02 16:00:00", "enqueued")


async def test_a_task_becomes_due_within_the_jitter_and_always_at_the_same_offset(conn: Conn) -> None:
    await set_clock(conn, NOON)
    for n in range(20):
        await add_schedule(conn, f"s{n}", jitter=30.0)
    await set_clock(conn, "2026-03-02 12:01:00+00")
    await firing.fire_due(conn)
    cursor = await conn.execute(
        "SELECT extract(epoch FROM scheduled_at - '2026-03-02 12:01:00+00')::float8 FROM lapinq_tasks"
    )
    offsets = [offset for (offset,) in await cursor.fetchall()]
    assert all(0 <= offset <= 30 for offset in offsets)
    assert len(set(offsets)) == 20
    found = await schedules.get_schedule(conn, "s0")
    assert found is not None
    at = datetime(2026, 3, 2, 12, 1, tzinfo=UTC)
    again = task_at(found, at, new_id()).scheduled_at
    cursor = await conn.execute("SELECT scheduled_at FROM lapinq_tasks WHERE metadata->>'schedule' = 's0'")
    assert await cursor.fetchall() == [(again,)]


async def test_an_end_that_has_come_ends_the_schedule(conn: Conn) -> None:
    await set_clock(conn, NOON)
    await add_schedule(
        conn,
        starts_at=datetime(2026, 3, 2, 12, 5, tzinfo=UTC),
        ends_at=datetime(2026, 3, 2, 12, 6, 30, tzinfo=UTC),
    )
    for minute in range(1, 10):
        await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
        await firing.fire_due(conn)
    assert [at for at, _ in await ticks(conn)] == ["2026-03-02 12:05:00", "2026-03-02 12:06:00"]
    found = await schedules.get_schedule(conn, "nightly")
    assert found is not None
    assert found.state == "ended"
    assert await firing.look_ahead(conn) == Outlook(None, has_due=False, has_held=False)
