"""What an overview asks of the database: bounded, however many tasks ended, wait or are delayed."""

from datetime import UTC, datetime, timedelta

import pytest

from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.limits.breakers import put_breaker
from lapinq_core.lookup import overview as overview_module
from lapinq_core.lookup.overview import overview
from tests.integration.lookup.test_measure import indexes_of
from tests.integration.tasks.test_plans import fill
from tests.support.database.plans import plan, scanned_whole, touched
from tests.support.rows.factories import Conn, add_worker, claim, enqueue, pause
from tests.support.rows.figures import put_levels


async def test_it_touches_what_is_new_and_what_runs(database: str, conn: Conn) -> None:
    worker = await fill(conn)
    await enqueue(conn, 300, scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    await claim(conn, worker, 30)
    await conn.execute("ANALYZE lapinq_tasks, lapinq_running, lapinq_delayed")
    newest = await plan(conn, "count_newest", {"seconds": 300, "most": 500, "queues": None})
    assert scanned_whole(newest) == []
    assert touched(newest) <= 500
    assert any("pkey" in name for name in indexes_of(newest))
    delayed = await plan(conn, "count_some_delayed", {"most": 100, "queues": None})
    assert touched(delayed) <= 100
    running = await plan(conn, "longest_running", {"queues": None, "most": 20})
    # The leases, and the name of each task and worker that is shown.
    assert touched(running) <= 30 + 20 + 20
    assert set(scanned_whole(running)) <= {"lapinq_running", "lapinq_workers"}


async def test_too_many_delayed_tasks_are_not_counted_by_queue(
    database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview_module, "MAX_DELAYED", 3)
    later = datetime.now(UTC) + timedelta(hours=1)
    await enqueue(conn, 3, scheduled_at=later)
    await enqueue(conn, 2)
    [found] = (await overview(conn, 5)).queues
    assert (found.pending, found.ready, found.delayed) == (5, 2, 3)
    await enqueue(conn, 1, scheduled_at=later)
    [found] = (await overview(conn, 5)).queues
    assert (found.pending, found.ready, found.delayed) == (6, None, None)


async def test_of_many_new_tasks_the_rate_is_that_of_the_newest(
    database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview_module, "MAX_NEWEST", 10)
    await enqueue(conn, 9)
    assert (await overview(conn, 5)).rates.enqueued == pytest.approx(9 / 300, abs=0.001)
    await enqueue(conn, 9, queue_name="b")
    await conn.execute("UPDATE lapinq_tasks SET created_at = created_at - interval '4 seconds'")
    found = await overview(conn, 5)
    assert found.rates.enqueued == pytest.approx(10 / 4, rel=0.2)
    assert {each.queue_name: each.rates.enqueued for each in found.queues}["b"] == pytest.approx(
        9 / 4, rel=0.2
    )
    worker = await add_worker(conn)
    assert (await overview(conn, 5, "b")).rates.enqueued == pytest.approx(9 / 4, rel=0.2)
    assert [each.id for each in (await overview(conn, 5)).workers] == [worker]


async def test_a_queue_that_starts_nothing_gets_no_forecast(database: str, conn: Conn) -> None:
    for queue in ("", "default"):
        await put_levels(conn, queue, 6, 6, 9)
    await enqueue(conn, 3)

    async def empties() -> bool:
        [found] = (await overview(conn, 5)).queues
        return found.empties_in_seconds is not None

    assert await empties()
    await pause(conn, "default")
    assert not await empties()
    await conn.execute("DELETE FROM lapinq_queues")
    await put_breaker(conn, "queue", "default", BreakerRule(failures_in_row=1))
    assert await empties()
    await conn.execute(
        "UPDATE lapinq_circuit_breakers SET state = 'open', tries_at = lapinq_now() + interval '1 minute',"
        " opened_at = lapinq_now(), pause_seconds = 60, failures = 1"
    )
    assert not await empties()
