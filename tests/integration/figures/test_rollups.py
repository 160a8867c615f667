"""Figures over time: what is recorded is what is read, at evenly spaced points, without gaps."""

import itertools
from itertools import pairwise

import pytest

from lapinq_core.db.rows import maybe_row
from lapinq_core.domain.figures import SPANS, Figures, Window
from lapinq_core.domain.histogram import count_into
from lapinq_core.figures import rollups
from lapinq_core.figures.rollups import Recent, Series, Totals
from tests.support.rows.factories import Conn
from tests.support.rows.figures import put, rows, sums
from tests.support.rows.schedules import set_clock


def figures(started: int = 0, completed: int = 0, failed: int = 0, runs: tuple[float, ...] = ()) -> Figures:
    made = Figures(started, completed, failed)
    count_into(made.runs, sorted(runs))
    return made


def counted(line: list[float], width: int) -> float:
    """What a line of full points adds up to."""
    return round(sum(line) * width / 60, 2)


def at(series: Series, time: int) -> int:
    """The place of the point that `time` is in."""
    return (time - series.times[0]) // series.width


@pytest.mark.parametrize(("window", "ago"), [(Window.HOUR, 900), (Window.DAY, 9000), (Window.WEEK, 9000)])
async def test_what_was_recorded_is_read(conn: Conn, window: Window, ago: int) -> None:
    await rollups.record(conn, {"a": figures(5, 3, 1, (0.02,) * 3), "b": figures(2, 2)})
    await rollups.record(conn, {"a": figures(-1, 3, 0, (0.02, 8.0))})
    await conn.execute("UPDATE lapinq_rollups SET since = since - make_interval(secs => %s)", (ago,))
    both = await rollups.series(conn, window)
    assert counted(both.completed, both.width) == pytest.approx(8)
    assert counted(both.failed, both.width) == pytest.approx(1)
    (place,) = [place for place, rate in enumerate(both.completed) if rate]
    assert both.run_p50[place] == pytest.approx(0.02, rel=0.34)
    assert both.run_p95[place] == pytest.approx(8.0, rel=0.16)
    assert both.wait_p50 == [None] * window.points
    assert [both.run_p95[other] for other in range(window.points) if other != place] == [None] * (
        window.points - 1
    )
    one = await rollups.series(conn, window, {"b"})
    assert counted(one.completed, one.width) == pytest.approx(2)
    assert one.run_p50 == [None] * window.points
    added_up = await rollups.series(conn, window, {"a", "b"})
    assert (added_up.completed, added_up.run_p95) == (both.completed, both.run_p95)


async def test_where_nothing_happened_there_are_zeros(conn: Conn) -> None:
    for window in Window:
        series = await rollups.series(conn, window)
        (now,) = await maybe_row(conn, "SELECT extract(epoch FROM lapinq_now())::float8") or (0,)
        assert len(series.times) == window.points
        assert {later - earlier for earlier, later in pairwise(series.times)} == {window.width}
        assert series.times[0] % window.width == 0
        # It ends within the last 10 s that are over; a slow answer may be 10 s old.
        assert now - 30 - window.width <= series.times[-1] <= now - 10
        for line in (series.completed, series.failed, series.retried):
            assert line == [0] * window.points
        assert series.wait_p95 == [None] * window.points
        assert series.total == series.before == Totals(0, 0, 0, None, None)


async def test_a_steady_flow_is_a_flat_line_up_to_the_last_point(conn: Conn) -> None:
    # Each span is full, that which is not over yet too: read as it stands, the last point would stick out.
    for queue in ("", "a"):
        for span in SPANS:
            reach = 4000 if span == 10 else 15 * 86_400
            await conn.execute(
                "INSERT INTO lapinq_rollups (span, since, queue_name, completed, failed, retried)"
                " SELECT %(span)s, date_bin(make_interval(secs => %(span)s), lapinq_now(), to_timestamp(0))"
                " - make_interval(secs => n * %(span)s), %(queue)s, %(span)s, %(span)s, %(span)s"
                " FROM generate_series(-5, %(reach)s / %(span)s) AS n",
                {"span": span, "queue": queue, "reach": reach},
            )
    for window, queues in itertools.product(Window, (None, {"a"})):
        series = await rollups.series(conn, window, queues)
        for line in (series.completed, series.failed, series.retried):
            assert line == pytest.approx([60.0] * window.points), window
        for total in (series.total, series.before):
            assert (total.done, total.failure_share) == (pytest.approx(120.0), pytest.approx(0.5)), window


async def test_what_happened_is_at_its_point(conn: Conn) -> None:
    times = [await put(conn, 10, ago, completed=ago) for ago in (100, 200, 700)]
    series = await rollups.series(conn, Window.QUARTER)
    for time, completed in zip(times, (100, 200, 700), strict=True):
        assert series.completed[at(series, time)] == completed * 6
        assert series.failed[at(series, time)] == 6
        assert series.run_p95[at(series, time)] == pytest.approx(0.001, rel=0.34)
        assert series.wait_p50[at(series, time)] == pytest.approx(0.00015, rel=0.34)
    assert counted(series.completed, 10) == pytest.approx(1000)


async def test_the_window_before_is_summed_by_itself(conn: Conn) -> None:
    await put(conn, 60, 600, completed=59)
    await put(conn, 60, 5400, completed=119)
    series = await rollups.series(conn, Window.HOUR)
    assert series.total.done == pytest.approx(1.0, rel=0.05)
    assert series.before.done == pytest.approx(2.0, rel=0.001)
    assert series.total.failure_share == pytest.approx(1 / 60, rel=0.01)
    assert series.before.failure_share == pytest.approx(1 / 120, rel=0.01)
    assert series.total.run_p95 == pytest.approx(0.001, rel=0.34)
    assert series.before.wait_p95 == pytest.approx(0.00015, rel=0.34)


async def test_a_sparkline_is_what_ended_in_the_last_hour(conn: Conn) -> None:
    await put(conn, 60, 60, "a", completed=1)
    await put(conn, 60, 30 * 60, "a", completed=9)
    await put(conn, 60, 62 * 60, "a", completed=100)
    await put(conn, 60, 600, "b")
    found = await rollups.sparklines(conn, ["a", "c"])
    assert found.keys() == {"a"}
    assert (len(found["a"]), found["a"][-1], sum(found["a"])) == (30, 2, 12)
    assert found["a"].index(10) in {14, 15}


async def test_a_record_is_a_row_for_each_span_and_for_all_queues_together(conn: Conn) -> None:
    over = await rollups.record(conn, {"a": figures(3, 2, 1, (0.1, 0.2)), "b": figures(1)})
    assert over is not None
    assert 0 <= over < 10
    for span in SPANS:
        assert await sums(conn, "a", span) == (3, 2, 1, 2, 0)
        assert await sums(conn, "b", span) == (1, 0, 0, 0, 0)
        assert await sums(conn, "", span) == (4, 2, 1, 2, 0)
        assert await rows(conn, "", span) == 1
    (uneven,) = await maybe_row(
        conn, "SELECT count(*) FROM lapinq_rollups WHERE extract(epoch FROM since)::bigint % span <> 0"
    ) or (1,)
    assert uneven == 0
    assert await rollups.record(conn, {}) is None


async def test_the_last_minutes_are_summed(conn: Conn) -> None:
    assert await rollups.recent(conn, 5) == Recent({}, None, [None] * 3, [None] * 3)
    await set_clock(conn, "2027-05-05 12:34:56+00")  # so that no span ends meanwhile
    # Read from 10 s and from minutes: each counts once, whatever the second of the minute is.
    for ago in range(10, 310, 10):
        for queue in ("", "a", "b"):
            await put(conn, 10, ago, queue)
    for queue in ("", "a", "b"):
        await conn.execute(
            "INSERT INTO lapinq_rollups (span, since, queue_name, started, completed, failed, runs, waits)"
            " SELECT 60, date_bin('1 minute', since, to_timestamp(0)), queue_name, sum(started), sum(completed),"
            " sum(failed), ARRAY[sum(completed)], ARRAY[sum(completed)] FROM lapinq_rollups"
            " WHERE span = 10 AND queue_name = %s GROUP BY 2, 3",
            (queue,),
        )
    await put(conn, 10, 0)  # not over
    await put(conn, 10, 320)  # too old
    both = await rollups.recent(conn, 5)
    assert both.total == (30, 30, 30, 0)
    assert both.queues == {"a": (30, 30, 30, 0), "b": (30, 30, 30, 0)}
    assert both.run[0] is not None
    added_up = await rollups.recent(conn, 5, {"a", "b"})
    assert (added_up.queues, added_up.total) == (both.queues, (60, 60, 60, 0))
    assert added_up.run == pytest.approx(both.run, rel=0.05)
    one = await rollups.recent(conn, 1, {"a"})
    assert (one.queues, one.total) == ({"a": (6, 6, 6, 0)}, (6, 6, 6, 0))
    assert (await rollups.recent(conn, 1, {"c"})).total is None
