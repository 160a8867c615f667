"""Schedules as people manage them, and their history."""

from datetime import UTC, datetime

import pytest

from lapinq_core.db.rows import first_value, maybe_row
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.schedules.schedule import ScheduleState
from lapinq_core.people import audit
from lapinq_core.people.audit import AuditFilter
from lapinq_core.schedules import firing, schedules, ticks
from lapinq_core.schedules.schedules import OtherVersion, ScheduleExists, ScheduleFilter, UnknownSchedule
from tests.support.database.plans import nodes, plan
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete
from tests.support.rows.schedules import add_schedule, definition, set_clock

NOON = "2026-03-02 12:00:00+00"


async def test_what_was_written_is_read_again(conn: Conn) -> None:
    await set_clock(conn, NOON)
    written = definition(
        "Informe de año nuevo <b>",
        cron="0 9 1 jan *",
        timezone="Europe/Madrid",
        args=[1.5, None, {"a": [10**30]}],
        kwargs={"x": "ñ"},
        starts_at=datetime(2026, 6, 1, tzinfo=UTC),
        jitter=2.5,
        misfire="all",
        misfire_limit=7,
        overlap="queue_one",
        ttl_seconds=3600.0,
        metadata={"team": "ops"},
        webhook_url="https://example.com/hook",
        timeout_seconds=5.0,
    )
    made = await schedules.create(conn, written, by=SOMEBODY, source="jobs.toml")
    assert made.definition == written
    assert await schedules.get_schedule(conn, written.name) == made
    assert (made.version, made.source, made.updated_by, made.state) == (1, "jobs.toml", "lisa", "active")
    assert made.next_fire_at == datetime(2027, 1, 1, 8, tzinfo=UTC)
    with pytest.raises(ScheduleExists):
        await add_schedule(conn, written.name)


async def test_a_change_is_made_to_the_version_that_was_seen(conn: Conn) -> None:
    await set_clock(conn, NOON)
    made = await add_schedule(conn)
    changed = await schedules.change(conn, "nightly", {"priority": 5}, made.version, by=SOMEBODY)
    assert (changed.version, changed.priority, changed.next_fire_at) == (2, 5, made.next_fire_at)
    with pytest.raises(OtherVersion, match="version is 2"):
        await schedules.change(conn, "nightly", {"priority": 6}, made.version, by=SOMEBODY)
    # The same again is no change.
    assert await schedules.change(conn, "nightly", {"priority": 5}, 2, by=SOMEBODY) == changed
    with pytest.raises(UnknownSchedule):
        await schedules.change(conn, "weekly", {}, None, by=SOMEBODY)


async def test_another_time_moves_what_is_planned(conn: Conn) -> None:
    await set_clock(conn, "2026-03-02 12:00:00.7+00")
    await add_schedule(conn)
    changed = await schedules.change(conn, "nightly", {"every": "120m"}, 1, by=SOMEBODY)
    assert (changed.cron, changed.every) == (None, "2h")
    # An interval counts from when the schedule was made, or from its start.
    assert changed.next_fire_at == datetime(2026, 3, 2, 14, tzinfo=UTC)
    start = datetime(2026, 3, 2, 12, 10, tzinfo=UTC)
    changed = await schedules.change(conn, "nightly", {"starts_at": start}, 2, by=SOMEBODY)
    assert changed.next_fire_at == start
    changed = await schedules.change(conn, "nightly", {"cron": "0 0 * * *"}, 3, by=SOMEBODY)
    assert (changed.cron, changed.every) == ("0 0 * * *", None)
    await schedules.pause(conn, "nightly", None, by=SOMEBODY)
    paused = await schedules.change(conn, "nightly", {"cron": "0 1 * * *"}, None, by=SOMEBODY)
    assert paused.next_fire_at is None


async def test_a_wrong_value_is_refused_and_nothing_changed(conn: Conn) -> None:
    made = await add_schedule(conn)
    for changes, field in (
        ({"cron": "61 * * * *"}, "cron"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"jitter": -1.0}, "jitter"),
        ({"misfire_limit": 0}, "misfire_limit"),
        ({"ttl_seconds": 0.0}, "ttl_seconds"),
        ({"queue_name": ""}, "queue_name"),
        ({"ends_at": datetime(2020, 1, 1, tzinfo=UTC)}, "ends_at"),
        ({"cron": None}, "cron"),
    ):
        with pytest.raises(InvalidValue) as refused:
            await schedules.change(conn, "nightly", changes, None, by=SOMEBODY)
        assert refused.value.loc == field
    assert await schedules.get_schedule(conn, "nightly") == made
    # A name stands in paths.
    for name in ("", " ", "a/b", "..", "new", "preview", " a", "a\n", "x" * 256):
        with pytest.raises(InvalidValue) as refused:
            await add_schedule(conn, name)
        assert refused.value.loc == "name", name


async def test_a_paused_schedule_keeps_why_and_makes_nothing_up_for(conn: Conn) -> None:
    await set_clock(conn, NOON)
    await add_schedule(conn)
    paused = await schedules.pause(conn, "nightly", "the disk is full", by=SOMEBODY)
    assert (paused.state, paused.paused_by, paused.pause_reason) == ("paused", "lisa", "the disk is full")
    assert await schedules.pause(conn, "nightly", "another reason", by=SOMEBODY) == paused
    await set_clock(conn, "2026-03-02 18:00:30+00")
    resumed = await schedules.resume(conn, "nightly", by=SOMEBODY)
    assert resumed.next_fire_at == datetime(2026, 3, 2, 18, 1, tzinfo=UTC)
    assert (resumed.state, resumed.paused_by, resumed.pause_reason) == ("active", None, None)
    assert await schedules.resume(conn, "nightly", by=SOMEBODY) == resumed
    assert await firing.fire_due(conn) == ([], set())


async def test_a_deleted_schedule_leaves_its_tasks(conn: Conn) -> None:
    await add_schedule(conn, overlap="skip")
    await firing.run_now(conn, "nightly", by=SOMEBODY)
    await schedules.delete(conn, "nightly", by=SOMEBODY)
    assert await schedules.get_schedule(conn, "nightly") is None
    assert len(await claim(conn, await add_worker(conn))) == 1
    with pytest.raises(UnknownSchedule):
        await schedules.delete(conn, "nightly", by=SOMEBODY)
    await add_schedule(conn, overlap="skip")  # its slot is its own
    await firing.run_now(conn, "nightly", by=SOMEBODY)


async def test_lists_are_by_name_and_narrowed(conn: Conn) -> None:
    for n in range(5):
        await add_schedule(conn, f"s{n}", queue_name="even" if n % 2 == 0 else "odd")
    await add_schedule(conn, "other", task_name="noop")
    await schedules.pause(conn, "s3", None, by=SOMEBODY)

    async def names(limit: int = 10, after: str | None = None, **chosen: str) -> list[str]:
        found, _ = await schedules.list_schedules(conn, ScheduleFilter(**chosen), limit, after)  # pyright: ignore[reportArgumentType]  # some are enums
        return [one.name for one in found]

    assert await names() == ["other", "s0", "s1", "s2", "s3", "s4"]
    assert await names(queue="odd") == ["s1", "s3"]
    assert await names(part="NOO") == ["other"]
    assert await names(part="%") == []
    assert await names(state=ScheduleState.PAUSED) == ["s3"]
    found, after = await schedules.list_schedules(conn, ScheduleFilter(), 4)
    assert (len(found), after) == (4, "s2")
    assert await names(after="s2") == ["s3", "s4"]


async def test_every_change_is_in_the_audit_log_without_what_may_be_secret(conn: Conn) -> None:
    await add_schedule(conn)
    await schedules.change(conn, "nightly", {"args": ["secret"], "priority": 2}, None, by=SOMEBODY)
    await schedules.pause(conn, "nightly", "why", by=SOMEBODY)
    await schedules.resume(conn, "nightly", by=SOMEBODY)
    await firing.run_now(conn, "nightly", by=SOMEBODY)
    await schedules.delete(conn, "nightly", by=SOMEBODY)
    entries, _ = await audit.list_entries(conn, AuditFilter(), 10)
    assert [(entry.action, entry.target) for entry in reversed(entries)] == [
        (f"schedule.{what}", "nightly") for what in ("create", "change", "pause", "resume", "run", "delete")
    ]
    assert entries[-2].details == {"args": "changed", "priority": [0, 2]}
    assert "secret" not in repr(entries)


async def test_the_history_tells_what_was_done_and_how_the_task_stands(conn: Conn) -> None:
    await set_clock(conn, NOON)
    made = await add_schedule(conn, overlap="skip")

    async def history(*bounds: datetime, limit: int = 10) -> list[ticks.Tick]:
        return (await ticks.list_ticks(conn, [made.id], limit, *bounds))[made.id]

    for moment in ("2026-03-02 12:01:03+00", "2026-03-02 12:02:00+00"):
        await set_clock(conn, moment)
        await firing.fire_due(conn)
    [skipped, enqueued] = await history()
    assert (skipped.outcome, skipped.task_id, skipped.status, skipped.late_by) == ("skipped", None, None, 0.0)
    assert (enqueued.outcome, enqueued.status, enqueued.late_by) == ("enqueued", "pending", 3.0)
    held = await claim(conn, await add_worker(conn))
    assert [one.id for one in held] == [enqueued.task_id]
    assert (await history())[1].status == "running"
    await complete(conn, held)
    tick, _ = await firing.run_now(conn, "nightly", by=SOMEBODY)
    newest, *older = await history()
    assert tick.fire_at.microsecond == 1  # a tick was planned for that very instant
    assert (newest.task_id, newest.fired_by, older[1].status) == (tick.task_id, "lisa", "completed")
    assert await history(newest.fire_at) == older
    assert await history(limit=1) == [newest]


async def test_ticks_of_long_ago_are_forgotten_but_for_the_last_and_held_ones(conn: Conn) -> None:
    made = await add_schedule(conn)
    await conn.execute(
        "INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome)"
        " SELECT %s, at, at, 'skipped' FROM generate_series(lapinq_now() - interval '40 days', lapinq_now(),"
        " interval '1 hour') at",
        (made.id,),
    )
    assert await ticks.prune(conn, 100) == 100
    while await ticks.prune(conn):
        pass
    assert await maybe_row(
        conn, "SELECT count(*), min(fire_at) >= lapinq_now() - interval '30 days' FROM lapinq_ticks"
    ) in [(720, True), (721, True)]
    await conn.execute("UPDATE lapinq_ticks SET fired_at = fired_at - interval '90 days'")
    await conn.execute(
        "INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome)"
        " SELECT %s, at, at, 'held' FROM (SELECT lapinq_now() - interval '90 days' AS at) a",
        (made.id,),
    )
    while await ticks.prune(conn):
        pass
    *last, oldest = (await ticks.list_ticks(conn, [made.id], 1000))[made.id]
    assert ([tick.outcome for tick in last], oldest.outcome) == (["skipped"] * ticks.KEPT_COUNT, "held")


async def test_what_is_due_and_the_last_ticks_are_found_by_their_indexes(conn: Conn) -> None:
    await conn.execute(
        "INSERT INTO lapinq_schedules (name, task_name, module_path, queue_name, args, kwargs, max_retries,"
        " priority, retry_delay, retry_backoff, every_seconds, timezone, anchor_at, jitter, misfire, misfire_limit,"
        " overlap, next_fire_at, created_at, updated_at, updated_by)"
        " SELECT 's' || n, 'add', 'm', 'q', '[]', '{}', 3, 0, 10, true, 60, 'UTC', lapinq_now(), 0, 'latest', 1,"
        " 'allow', lapinq_now() + n * interval '1 minute', lapinq_now(), lapinq_now(), 'x'"
        "  FROM generate_series(-5, 5000) n"
    )
    await conn.execute(
        "INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome)"
        " SELECT id, lapinq_now() - n * interval '1 minute', lapinq_now(), 'skipped'"
        "   FROM (SELECT id FROM lapinq_schedules ORDER BY id LIMIT 30) s, generate_series(1, 200) n"
    )
    await conn.execute("ANALYZE lapinq_schedules, lapinq_ticks")
    ids = await first_value(conn, "SELECT (array_agg(id ORDER BY id))[:3] FROM lapinq_schedules")
    for verb, index, params in (
        ("due_schedules", "next_fire_at", {"after_at": "-infinity", "after_id": 0, "limit": 100}),
        ("next_tick", "next_fire_at", {}),
        ("list_ticks", "pkey", {"ids": ids, "limit": 20, "before": None}),
    ):
        found = nodes(await plan(conn, verb, params))
        assert not [node for node in found if node["Node Type"] == "Seq Scan" and node["Actual Rows"] > 10]
        assert any(node.get("Index Name", "").endswith(index) for node in found), verb
