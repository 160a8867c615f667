"""What a worker writes of its work over time: sums of what happened, once in a while and at its stop."""

import asyncio
from typing import LiteralString

import psycopg
import pytest

from lapinq_core.db.pool import make_pool
from lapinq_core.domain.figures import MAX_SLOWEST, SPANS, Window
from lapinq_core.lookup import slowest
from lapinq_worker.reporting import recorder as recorder_module
from lapinq_worker.reporting.recorder import Recorder
from lapinq_worker.running.tally import Tally
from tests.integration.lapinq_worker.desk import Desk, Gate, task_of
from tests.support.database.proxy import proxy
from tests.support.eventually import eventually_async
from tests.support.rows.figures import rows, sums
from tests.support.sample import tasks

FIVE = [("a", "add", "completed", 0.01, "")] * 5


async def test_the_sums_are_what_happened(desk: Desk) -> None:
    ids = await desk.hand_in_many(
        [
            *(task_of(tasks.noop) for _ in range(100)),
            *(task_of(tasks.anoop, queue_name="b") for _ in range(40)),
            *(task_of(tasks.afail, "no", queue_name="b", max_retries=2) for _ in range(3)),
            *(task_of(tasks.fail, "no", queue_name="b", max_retries=0) for _ in range(2)),
        ]
    )
    await desk.hand_in_many(
        [
            *(task_of(tasks.anoop, queue_name="forgotten", ttl_seconds=0) for _ in range(3)),
            task_of(tasks.afail, "no", queue_name="forgotten", ttl_seconds=0),
        ]
    )
    async with desk.working():
        await desk.ended(*ids)
        await desk.until("SELECT count(*) = 0 FROM lapinq_transient")
    for span in SPANS:
        assert await sums(desk.conn, "default", span) == (100, 100, 0, 100, 100)
        # Each of three ran three times, and waited for its first start only.
        assert await sums(desk.conn, "b", span) == (51, 40, 5, 51, 45)
        assert (await sums(desk.conn, "forgotten", span))[:3] == (4, 3, 1)
        assert (await sums(desk.conn, "", span))[:3] == (155, 143, 6)
    cursor = await desk.conn.execute(
        "SELECT queue_name, task_name, sum(completed)::int, sum(failed)::int, sum(retried)::int"
        " FROM lapinq_task_rollups WHERE span = 60 AND queue_name <> 'forgotten' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert await cursor.fetchall() == [
        ("b", "afail", 0, 3, 6),
        ("b", "anoop", 40, 0, 0),
        ("b", "fail", 0, 2, 0),
        ("default", "noop", 100, 0, 0),
    ]
    slow = await slowest.of_queue(desk.conn, Window.QUARTER, "b")
    assert len(slow) == MAX_SLOWEST
    assert {task.id for task in slow} <= set(ids)
    assert [task.seconds for task in slow] == sorted((task.seconds for task in slow), reverse=True)
    assert await slowest.of_queue(desk.conn, Window.QUARTER, "forgotten") == []


async def test_figures_are_written_while_the_worker_runs_and_none_without_work(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk.working():
        await desk.until("SELECT count(*) = 1 FROM lapinq_workers")
    assert await rows(desk.conn) == 0
    monkeypatch.setattr(recorder_module, "FLUSH_SECONDS", 0.05)
    async with desk.working():
        for n in range(1, 4):
            await desk.hand_in(tasks.anoop)
            await desk.until(
                "SELECT sum(completed) = %s FROM lapinq_rollups WHERE queue_name = '' AND span = 10", n
            )
        assert await rows(desk.conn) >= 3
    assert await sums(desk.conn) == (3, 3, 0, 3, 3)


async def test_what_a_stopping_worker_hands_back_was_not_started(desk: Desk, gate: Gate) -> None:
    async with desk.working(worker_concurrency=1) as worker:
        running = await desk.hand_in(tasks.await_at, gate.path)
        await gate.begun()
        waiting = await desk.hand_in_many([task_of(tasks.anoop) for _ in range(5)])
        worker.stop()
        gate.open()
        await desk.ended(running)
    started, completed, *_ = await sums(desk.conn)
    left = sum(task.status == "pending" for task in await desk.find(*waiting))
    assert started == completed == 6 - left


async def test_figures_wait_for_a_database_that_is_away(desk: Desk) -> None:
    tally = Tally()
    with proxy(desk.url) as between:
        async with make_pool(between.url, "test", 2, timeout=0.5) as pool:
            recorder = Recorder(pool, tally)
            tally.ends += FIVE
            assert await recorder.flush() is not None
            between.cut()
            for _ in range(2):
                tally.ends += FIVE
                with pytest.raises(psycopg.Error):
                    await recorder.flush()
            between.heal()

            async def is_written() -> bool:
                try:
                    return await recorder.flush() is not None
                except psycopg.Error:
                    return False

            await eventually_async(is_written)
            assert await recorder.flush() is None
    assert await sums(desk.conn, "a") == (0, 15, 0, 15, 0)


async def test_a_write_that_is_broken_off_loses_nothing(desk: Desk) -> None:
    tables: tuple[LiteralString, ...] = ("lapinq_rollups", "lapinq_task_rollups")
    tally = Tally()
    async with make_pool(desk.url, "test", 2, timeout=5) as pool:
        recorder = Recorder(pool, tally)
        for written, table in enumerate(tables, 1):
            tally.ends += FIVE
            async with desk.conn.transaction():
                await desk.conn.execute(f"LOCK TABLE {table}")
                writing = asyncio.create_task(recorder.flush())
                await desk.until(
                    "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database"
                    " WHERE NOT granted AND datname = current_database())"
                )
                writing.cancel()
                await asyncio.wait([writing])
                assert writing.cancelled()
            await recorder.flush()
            count = 5 * written
            assert await sums(desk.conn, "a") == (0, count, 0, count, 0)
            of_tasks = "SELECT sum(completed)::int FROM lapinq_task_rollups WHERE span = 60"
            assert await desk.value(of_tasks) == count
