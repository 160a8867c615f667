"""Figures by task name read the same before and after they are folded."""

import pytest

from lapinq_core.db.rows import all_rows, maybe_row
from lapinq_core.domain.figures import TASK_SPANS, Figures, Window
from lapinq_core.domain.histogram import count_into
from lapinq_core.domain.ids import new_id
from lapinq_core.figures import task_rollups
from tests.support.database.plans import plan, scanned_whole, touched
from tests.support.rows.factories import Conn


def figures(completed: int = 0, failed: int = 0, retried: int = 0, run: float = 0.02) -> Figures:
    made = Figures(0, completed, failed, retried)
    count_into(made.runs, [run] * completed)
    return made


async def make_older(conn: Conn, seconds: int, spans: int = 0) -> None:
    await conn.execute(
        "UPDATE lapinq_task_rollups SET since = since - make_interval(secs => %s + %s * span)",
        (seconds, spans),
    )


async def rows(conn: Conn) -> int:
    (count,) = await maybe_row(conn, "SELECT count(*) FROM lapinq_task_rollups") or (0,)
    return count


async def test_what_was_recorded_is_read(conn: Conn) -> None:
    await task_rollups.record(conn, {("a", "add"): figures(30), ("b", "add"): figures(10, 2, 4)})
    await task_rollups.record(conn, {("a", "send"): figures(5, run=3.0)})
    await make_older(conn, 600)
    for window in Window:
        if window is Window.DAY:
            await make_older(conn, 8400)
        for queues, count in ((None, 42), ({"a"}, 30), ({"b"}, 12), ({"a", "b"}, 42), ({"c"}, 0)):
            found = await task_rollups.series(conn, window, "add", queues)
            done = sum(found.completed) + sum(found.failed)
            assert done * found.width / 60 == pytest.approx(count, rel=0.001), (window, queues)
            assert found.before.done == 0
            assert found.times[-1] - found.times[0] == found.width * (len(found.times) - 1)
        add, send = await task_rollups.of_queue(conn, window, "a")
        assert (add.task_name, add.done, send.task_name, send.done) == ("add", 30, "send", 5)
        assert send.run_p50 == pytest.approx(3.0, rel=0.34)
        assert [one.queue_name for one in await task_rollups.of_task(conn, window, "add", {"b"})] == ["b"]
        first, second = await task_rollups.of_task(conn, window, "add")
        assert (first.queue_name, second.queue_name, second.failure_share) == ("a", "b", 2 / 12)


async def test_a_usual_duration_is_that_of_the_last_day(conn: Conn) -> None:
    await task_rollups.record(conn, {("a", "add"): figures(10, run=50.0)})
    await make_older(conn, 2 * 86_400)
    await task_rollups.record(conn, {("a", "add"): figures(20, run=0.02), ("b", "add"): figures(1)})
    asked = [("a", "add"), ("b", "add"), ("a", "nothing")]
    found = await task_rollups.usual(conn, asked)
    assert found.keys() == {("a", "add"), ("b", "add")}
    assert found["a", "add"].count == 20
    assert found["a", "add"].p50 == pytest.approx(0.02, rel=0.34)
    assert await task_rollups.usual(conn, []) == {}


async def test_folding_changes_nothing_that_is_read(conn: Conn) -> None:
    for _ in range(5):
        await task_rollups.record(conn, {("a", "add"): figures(3, 1), ("a", "send"): figures(2, run=9.0)})
    ran = [(float(n), new_id()) for n in range(8, 0, -1)]
    for some in (ran[:3], ran[3:]):
        await task_rollups.record(conn, {("a", "add"): Figures(0, 0, 0, 1, slowest=some)})
    await task_rollups.record(conn, {})
    await make_older(conn, 61, spans=1)
    before = await task_rollups.of_queue(conn, Window.HOUR, "a")
    assert await rows(conn) == 12 * 3
    assert await task_rollups.fold(conn) == 12 * 3
    assert await rows(conn) == 2 * 3
    slow = await all_rows(
        conn, "SELECT slow_ids::text[], slow_seconds FROM lapinq_task_rollups WHERE task_name = 'add'"
    )
    assert slow == [([task_id for _, task_id in ran[:5]], [8.0, 7.0, 6.0, 5.0, 4.0])] * 3
    assert await task_rollups.of_queue(conn, Window.HOUR, "a") == before
    assert await task_rollups.fold(conn) == 0


async def test_what_was_kept_long_enough_is_deleted(conn: Conn) -> None:
    await task_rollups.record(conn, {("a", "add"): figures(3)})
    await make_older(conn, 3 * 3600 + 120)
    assert await task_rollups.prune(conn) == 1
    await make_older(conn, 30 * 86_400)
    assert await task_rollups.prune(conn) == 2
    assert await task_rollups.prune(conn) == 0


async def test_readers_touch_the_rows_of_their_task_or_queue(conn: Conn) -> None:
    for span in TASK_SPANS:
        await conn.execute(
            "INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name, completed, runs)"
            " SELECT %(span)s, date_bin(make_interval(secs => %(span)s), lapinq_now(), to_timestamp(0))"
            " - make_interval(secs => n * %(span)s), 'queue ' || q, 'task ' || t, 9, ARRAY[0, 9]"
            " FROM generate_series(0, 180) AS n, generate_series(1, 10) AS q, generate_series(1, 5) AS t"
            " ORDER BY n DESC, q, t",
            {"span": span},
        )
    # Workers append to a span that is not over: these rows are not folded yet.
    await conn.execute(
        "INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name, completed)"
        " SELECT span, date_bin(make_interval(secs => span), lapinq_now(), to_timestamp(0)), 'queue 7', 'task 3', 1"
        " FROM unnest(ARRAY[900, 7200]) AS span, generate_series(1, 3000)"
    )
    await conn.execute("ANALYZE lapinq_task_rollups")
    task, queue = "task 3", "queue 7"
    hour = {"span": 60, "seconds": 3600, "most": 20, "queues": None}
    week = {"span": 7200, "seconds": 7 * 86_400, "most": 20, "queues": None}
    for verb, params, most in (
        ("task_series", {"span": 60, "width": 60, "points": 120, "task_name": task, "queues": None}, 1230),
        ("tasks_of_queue", {**hour, "queue": queue}, 310),
        ("queues_of_task", {**hour, "task_name": task}, 620),
        ("tasks_of_queue", {**week, "queue": queue}, 550),
        ("queues_of_task", {**week, "task_name": task}, 1090),
        ("usual_durations", {"queues": [queue], "task_names": [task]}, 370),
    ):
        found = await plan(conn, verb, params)
        assert scanned_whole(found) == [], verb
        assert touched(found) <= most, verb
