"""Ticks become tasks: once each, by the policies for what was missed and for what overlaps."""

import asyncio
from datetime import UTC, datetime

import pytest

from lapinq_core.domain.ids import new_id
from lapinq_core.domain.schedule import task_at
from lapinq_core.queue import firing
from lapinq_core.queue.firing import Outlook, StillRuns
from lapinq_core.store import schedules
from lapinq_core.store.schedules import UnknownSchedule
from tests.support.factories import SOMEBODY, Conn, add_worker, claim, complete, status
from tests.support.invariants import check_invariants
from tests.support.running import on_connections
from tests.support.schedules import add_schedule, set_clock, task_ids, ticks

NOON = "2026-03-02 12:00:00+00"


async def end_all(conn: Conn) -> None:
    """Whatever is ready runs and completes."""
    await complete(conn, await claim(conn, await add_worker(conn), 100))


def test_a_tick_makes_one_task_and_moves_the_schedule_on(database: str) -> None:
    async def test(conn: Conn) -> None:
        await set_clock(conn, NOON)
        made = await add_schedule(conn, kwargs={"b": 2}, priority=5, metadata={"team": "ops"})
        assert await firing.fire_due(conn) == ([], set())
        await set_clock(conn, "2026-03-02 12:01:02+00")
        [dealt], woken = await firing.fire_due(conn)
        assert (dealt.outcome, dealt.late_by, woken) == ("enqueued", 2.0, {"default"})
        assert await firing.fire_due(conn) == ([], set())
        [task] = await task_ids(conn)
        cursor = await conn.execute(
            "SELECT task_name, args, kwargs, priority, metadata, scheduled_at::text FROM lapinq_tasks"
        )
        assert await cursor.fetchall() == [
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

    on_connections(database, test)
    check_invariants(database, [])


def test_of_two_that_saw_the_same_tick_one_makes_its_task(database: str) -> None:
    """The second has read the schedule before the first committed, and deals with it afterwards."""

    async def test(one: Conn, other: Conn) -> None:
        await set_clock(one, NOON)
        await add_schedule(one)
        await set_clock(one, "2026-03-02 12:01:00+00")
        pages = firing.due_pages(other)
        seen = await anext(pages)
        assert len((await firing.fire_due(one))[0]) == 1
        assert await firing.fire(other, seen) == ([], set())
        assert len(await task_ids(one)) == 1
        assert await ticks(one) == [("2026-03-02 12:01:00", "enqueued")]

    on_connections(database, test, count=2)


def test_a_tick_whose_history_is_gone_is_not_dealt_with_anew(database: str) -> None:
    """A scheduler was held up, between reading the schedule and locking it, for longer than ticks are kept."""

    async def test(one: Conn, other: Conn) -> None:
        await set_clock(one, NOON)
        await add_schedule(one)
        await set_clock(one, "2026-03-02 12:01:00+00")
        pages = firing.due_pages(other)
        seen = await anext(pages)
        assert len((await firing.fire_due(one))[0]) == 1
        await one.execute("DELETE FROM lapinq_ticks")
        assert await firing.fire(other, seen) == ([], set())
        assert len(await task_ids(one)) == 1

    on_connections(database, test, count=2)


def test_many_at_once_make_one_task_a_tick(database: str) -> None:
    async def test(*conns: Conn) -> None:
        await set_clock(conns[0], NOON)
        for n in range(30):
            await add_schedule(conns[0], f"s{n}")
        for minute in range(1, 6):
            await set_clock(conns[0], f"2026-03-02 12:{minute:02}:00+00")
            await asyncio.gather(*(firing.fire_due(conn) for conn in conns))
        await firing.fire_due(conns[0])  # what one left to another that was at it
        for n in range(30):
            assert len(await task_ids(conns[0], f"s{n}")) == 5

    on_connections(database, test, count=4)
    check_invariants(database, [])


def test_nothing_fires_once_a_pause_was_answered(database: str) -> None:
    async def test(one: Conn, other: Conn) -> None:
        await set_clock(one, NOON)
        await add_schedule(one)
        await set_clock(one, "2026-03-02 12:01:00+00")
        seen = await anext(firing.due_pages(other))
        await schedules.pause(one, "nightly", "the disk is full", by=SOMEBODY)
        assert await firing.fire(other, seen) == ([], set())
        assert await ticks(one) == []
        await schedules.resume(one, "nightly", by=SOMEBODY)
        assert await firing.fire_due(one) == ([], set())

    on_connections(database, test, count=2)


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        ("latest", [("2026-03-02 15:00:00", "enqueued")]),
        ("skip", [("2026-03-02 15:00:00", "missed")]),
        ("all", [("2026-03-02 14:00:00", "enqueued"), ("2026-03-02 15:00:00", "enqueued")]),
    ],
)
def test_what_was_missed_follows_the_policy(
    database: str, misfire: str, expected: list[tuple[str, str]]
) -> None:
    async def test(conn: Conn) -> None:
        await set_clock(conn, NOON)
        await add_schedule(conn, cron="0 * * * *", misfire=misfire, misfire_limit=2)
        await set_clock(conn, "2026-03-02 15:30:00+00")
        await firing.fire_due(conn)
        assert await ticks(conn) == expected
        cursor = await conn.execute(
            "SELECT missed_from::text FROM lapinq_ticks WHERE missed_from IS NOT NULL"
        )
        assert await cursor.fetchall() == [("2026-03-02 13:00:00+00",)]
        await set_clock(conn, "2026-03-02 16:00:30+00")
        await firing.fire_due(conn)
        assert (await ticks(conn))[-1] == ("2026-03-02 16:00:00", "enqueued")

    on_connections(database, test)


def test_a_tick_that_meets_a_run_is_skipped_until_it_has_ended(database: str) -> None:
    async def test(conn: Conn) -> None:
        await set_clock(conn, NOON)
        await add_schedule(conn, overlap="skip")
        for minute in (1, 2):
            await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
            await firing.fire_due(conn)
        await end_all(conn)
        await set_clock(conn, "2026-03-02 12:03:00+00")
        await firing.fire_due(conn)
        assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "skipped", "enqueued"]
        assert len(await task_ids(conn)) == 2

    on_connections(database, test)


def test_one_tick_waits_for_a_run_and_further_ones_are_skipped(database: str) -> None:
    async def test(conn: Conn) -> None:
        await set_clock(conn, NOON)
        await add_schedule(conn, overlap="queue_one")
        for minute in (1, 2, 3):
            await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
            await firing.fire_due(conn)
        assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "held", "skipped"]
        assert await firing.release_held(conn) == set()
        assert (await firing.look_ahead(conn)).has_held
        await end_all(conn)
        assert await firing.release_held(conn) == {"default"}
        assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "enqueued", "skipped"]
        assert len(await task_ids(conn)) == 2
        assert await firing.release_held(conn) == set()

    on_connections(database, test)
    check_invariants(database, [])


def test_the_previous_run_is_cancelled_and_the_tick_waits_for_its_end(database: str) -> None:
    async def test(conn: Conn) -> None:
        await set_clock(conn, NOON)
        await add_schedule(conn, overlap="cancel_previous")
        await set_clock(conn, "2026-03-02 12:01:00+00")
        await firing.fire_due(conn)
        [held] = await claim(conn, await add_worker(conn))
        for minute in (2, 3):
            await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
            await firing.fire_due(conn)
        assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "skipped", "held"]
        cursor = await conn.execute("SELECT cancel_requested_at IS NOT NULL FROM lapinq_running")
        assert await cursor.fetchall() == [(True,)]
        assert await firing.release_held(conn) == set()
        await complete(conn, [held])
        assert await firing.release_held(conn) == {"default"}
        assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "skipped", "enqueued"]
        # One that waits ends at once.
        await set_clock(conn, "2026-03-02 12:04:00+00")
        await firing.fire_due(conn)
        assert await firing.release_held(conn) == {"default"}
        assert [await status(conn, task) for task in await task_ids(conn)] == [
            "completed",
            "cancelled",
            "pending",
        ]

    on_connections(database, test)
    check_invariants(database, [])


def test_a_held_tick_of_a_paused_schedule_is_skipped(database: str) -> None:
    async def test(conn: Conn) -> None:
        await set_clock(conn, NOON)
        await add_schedule(conn, overlap="queue_one")
        for minute in (1, 2):
            await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
            await firing.fire_due(conn)
        await schedules.pause(conn, "nightly", None, by=SOMEBODY)
        await end_all(conn)
        assert await firing.release_held(conn) == set()
        assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "skipped"]

    on_connections(database, test)


def test_a_run_can_be_asked_for(database: str) -> None:
    async def test(conn: Conn) -> None:
        await set_clock(conn, NOON)
        await add_schedule(conn, overlap="skip")
        await schedules.pause(conn, "nightly", None, by=SOMEBODY)
        tick, woken = await firing.run_now(conn, "nightly", by=SOMEBODY)
        assert (tick.outcome, woken) == ("enqueued", {"default"})
        assert await task_ids(conn) == [tick.task_id]
        await set_clock(conn, "2026-03-02 12:00:10+00")
        with pytest.raises(StillRuns, match=str(tick.task_id)):
            await firing.run_now(conn, "nightly", by=SOMEBODY)
        assert len(await ticks(conn)) == 1
        with pytest.raises(UnknownSchedule):
            await firing.run_now(conn, "weekly", by=SOMEBODY)

    on_connections(database, test)


def test_a_run_is_refused_while_a_tick_that_waited_is_about_to_start(database: str) -> None:
    async def test(conn: Conn) -> None:
        await set_clock(conn, NOON)
        await add_schedule(conn, overlap="queue_one")
        for minute in (1, 2):
            await set_clock(conn, f"2026-03-02 12:{minute:02}:00+00")
            await firing.fire_due(conn)
        await end_all(conn)
        await set_clock(conn, "2026-03-02 12:02:10+00")
        with pytest.raises(StillRuns, match="about to start") as refused:
            await firing.run_now(conn, "nightly", by=SOMEBODY)
        assert refused.value.task_id is None
        assert await firing.release_held(conn) == {"default"}
        assert [outcome for _, outcome in await ticks(conn)] == ["enqueued", "enqueued"]

    on_connections(database, test)


def test_a_task_becomes_due_within_the_jitter_and_always_at_the_same_offset(database: str) -> None:
    async def test(conn: Conn) -> None:
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
        cursor = await conn.execute(
            "SELECT scheduled_at FROM lapinq_tasks WHERE metadata->>'schedule' = 's0'"
        )
        assert await cursor.fetchall() == [(again,)]

    on_connections(database, test)


def test_an_end_that_has_come_ends_the_schedule(database: str) -> None:
    async def test(conn: Conn) -> None:
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

    on_connections(database, test)
