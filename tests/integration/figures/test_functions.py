"""All functions side by side: every minute of a window counts once, whatever spans it is read from."""

import pytest

from lapinq_core.db.moved_clock import clock_moved_by
from lapinq_core.domain.figures import TASK_SPANS, Figures, Window
from lapinq_core.domain.histogram import count_into
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.figures import task_rollups
from lapinq_core.figures.functions import functions, ranked
from lapinq_core.fleet import workers
from tests.support.database.plans import nodes, plan, scanned_whole, touched
from tests.support.rows.factories import Conn, add_worker

STEPS = (0, 61, 907, 3_601, 5_000, 6_543, 7_199)
"""Seconds: the ends of a window fall elsewhere among the spans."""


def figures(completed: int = 0, failed: int = 0, retried: int = 0, run: float = 2.0) -> Figures:
    made = Figures(0, completed, failed, retried)
    count_into(made.runs, [run] * (completed + failed + retried))
    return made


async def test_each_minute_of_a_window_counts_once(conn: Conn) -> None:
    for span in TASK_SPANS:
        await conn.execute(
            "INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name, completed)"
            " SELECT %(span)s, date_bin(make_interval(secs => %(span)s), minute, to_timestamp(0)), 'a', 'add', count(*)"
            " FROM generate_series(date_bin('1 minute', lapinq_now() - interval '8 days', to_timestamp(0)),"
            " lapinq_now() + interval '3 hours', interval '1 minute') AS minute GROUP BY 2",
            {"span": span},
        )
    for step in STEPS:
        async with conn.transaction(force_rollback=True):
            await conn.execute(clock_moved_by(step))
            await conn.execute("DELETE FROM lapinq_task_rollups WHERE since > lapinq_now()")
            await conn.execute(
                # Of spans that are not over, only what has happened.
                "UPDATE lapinq_task_rollups SET completed = floor(extract(epoch FROM lapinq_now() - since) / 60) + 1"
                " WHERE since > lapinq_now() - make_interval(secs => span)"
            )
            for window in Window:
                (one,) = await functions(conn, window)
                covered = one.completed / one.rate
                assert window.seconds <= covered < window.seconds + window.task_span + 1, (window, step)
                assert one.completed == int(covered // 60) + 1, (window, step)


async def test_a_name_has_the_sums_of_its_queues_and_the_newest_worker_that_knows_it(conn: Conn) -> None:
    happened = {
        ("a", "add"): figures(6, 2, 3),
        ("b", "add"): figures(2),
        ("b", "send"): figures(0, 0, 4, run=30.0),
    }
    await task_rollups.record(conn, happened)
    for name, queues in (("old", ["a"]), ("new", ["b"])):
        worker = await add_worker(conn, name=name, queues=queues, release=name)
        known = [Registered("add", "shop", "a", {}), Registered("idle", "shop", "b", {})]
        await workers.record_registered(
            conn, worker, known if name == "old" else [*known, Registered("x", "y", "z", {})]
        )
    await conn.execute(
        "UPDATE lapinq_workers SET started_at = lapinq_now() - interval '1 day' WHERE name = 'old'"
    )
    found = {one.task_name: one for one in await functions(conn, Window.HOUR)}
    add, send, idle = found["add"], found["send"], found["idle"]
    assert list(found) == ["add", "send", "idle", "x"]
    assert (add.queue_name, add.more_queues, add.completed, add.failed, add.retried) == ("a", 1, 8, 2, 3)
    assert (add.failure_share, add.module_path, add.worker_name, add.release) == (0.2, "shop", "new", "new")
    assert add.run_p95 == pytest.approx(2.0, rel=0.34)
    assert add.run_seconds == pytest.approx(26.0, rel=0.16)
    assert (send.failure_share, send.rate, send.worker_name, send.deployed_at) == (1.0, 0.0, None, None)
    assert (idle.queue_name, idle.failure_share, idle.run_p50, idle.run_seconds) == ("b", None, None, 0.0)

    (only,) = await functions(conn, Window.HOUR, frozenset({"a"}))
    assert (only.task_name, only.more_queues, only.completed, only.worker_name) == ("add", 0, 6, "old")

    def names(part: str, by: str, *, is_descending: bool) -> list[str]:
        return [one.task_name for one in ranked(list(found.values()), part, by, is_descending=is_descending)]

    for by, first in (
        ("total", "send"),
        ("failures", "send"),
        ("rate", "add"),
        ("p95", "send"),
        ("deployed", "add"),
    ):
        assert names("", by, is_descending=True)[0] == first, by
    assert names("D", "name", is_descending=True) == ["send", "idle", "add"]


async def test_it_reads_the_longest_spans_that_fit_by_their_index(conn: Conn) -> None:
    names = 60
    for span, kept in TASK_SPANS.items():
        await conn.execute(
            "INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name, completed, runs)"
            " SELECT %(span)s, date_bin(make_interval(secs => %(span)s), lapinq_now(), to_timestamp(0))"
            " - make_interval(secs => n * %(span)s), 'queue ' || t %% 10, 'task ' || t, 9, ARRAY[0, 9]"
            " FROM generate_series(0, %(many)s) AS n, generate_series(1, %(names)s) AS t ORDER BY n DESC, t",
            {"span": span, "many": min(kept, 8 * 86_400) // span, "names": names},
        )
    await conn.execute("ANALYZE lapinq_task_rollups")
    for window, most in ((Window.QUARTER, 17), (Window.HOUR, 33), (Window.DAY, 48), (Window.WEEK, 110)):
        params = {"span": window.task_span, "seconds": window.seconds, "queues": None, "most": 1000}
        for mode in ("force_custom_plan", "force_generic_plan"):
            await conn.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())
            found = await plan(conn, "functions", params)
            assert [one for one in scanned_whole(found) if one != "lapinq_workers"] == [], window
            assert {node["Index Name"] for node in nodes(found) if "Index Name" in node} == {
                "lapinq_task_rollups_since"
            }
            assert touched(found) <= most * names, window
