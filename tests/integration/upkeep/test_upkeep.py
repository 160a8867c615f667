"""Maintenance: promotion, expiry, deletion by time to live, folded counts."""

from datetime import UTC, datetime, timedelta

from lapinq_core.db.rows import first_value
from lapinq_core.domain.tasks.decide import Fail
from lapinq_core.tasks import inspect, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import count_folding, maintenance_jobs
from tests.support.rows.factories import Conn, Connections, add_worker, claim, complete, enqueue, status


def later(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def test_a_delayed_task_waits_until_it_is_due(conn: Conn) -> None:
    (task,) = await enqueue(conn, scheduled_at=later(3600))
    worker = await add_worker(conn)
    promoted = await maintenance_jobs.promote(conn)
    assert (promoted.moved, promoted.queues) == (0, [])
    assert promoted.next_due is not None
    assert 3590 < promoted.next_due <= 3600
    assert await claim(conn, worker) == []
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now() - interval '1 second'")
    promoted = await maintenance_jobs.promote(conn)
    assert (promoted.moved, promoted.queues, promoted.next_due) == (1, ["default"], None)
    assert [held.id for held in await claim(conn, worker)] == [task]


async def test_delayed_tasks_enter_in_the_order_they_fall_due(conn: Conn) -> None:
    ids = [(await enqueue(conn, scheduled_at=later(3600 - n)))[0] for n in range(5)]
    await conn.execute("UPDATE lapinq_delayed SET due_at = due_at - interval '2 hours'")
    assert (await maintenance_jobs.promote(conn, 2)).moved == 2
    assert (await maintenance_jobs.promote(conn)).moved == 3
    got = await claim(conn, await add_worker(conn), 10)
    assert [held.id for held in got] == ids[::-1]


async def test_clean_up_deletes_what_is_finished_and_past_its_time(conn: Conn) -> None:
    finished, running, waiting = await enqueue(conn, 3, ttl_seconds=60)
    (kept,) = await enqueue(conn)
    worker = await add_worker(conn)
    await complete(conn, [held for held in await claim(conn, worker, 4) if held.id in (finished, kept)])
    await conn.execute("UPDATE lapinq_tasks SET expires_at = lapinq_now() WHERE expires_at IS NOT NULL")
    assert await maintenance_jobs.cleanup(conn) == 1
    assert await status(conn, finished) is None
    assert [await status(conn, task) for task in (running, waiting, kept)] == [
        "running",
        "running",
        "completed",
    ]
    (counts,) = await inspect.count_queues(conn)
    assert (counts.completed, counts.running) == (1, 2)


async def test_an_expired_task_is_kept_for_an_hour(conn: Conn) -> None:
    (task,) = await enqueue(conn, ttl_seconds=60)
    await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now()")
    await conn.execute("UPDATE lapinq_tasks SET expires_at = lapinq_now()")
    await maintenance_jobs.expire(conn)
    assert await maintenance_jobs.cleanup(conn) == 0
    await conn.execute("UPDATE lapinq_attempts SET finished_at = finished_at - interval '1 hour'")
    assert await maintenance_jobs.cleanup(conn) == 1
    assert await status(conn, task) is None
    assert await inspect.count_queues(conn) == []


async def test_folding_changes_no_count(conn: Conn) -> None:
    worker = await add_worker(conn)
    for n in range(60):
        await enqueue(conn, queue_name=f"q{n % 3}")
    for n in range(45):
        (held,) = await claim(conn, worker, 1, f"q{n % 3}")
        if n % 2:
            await complete(conn, [held])
        else:
            await worker_verbs.settle(conn, [ended_as(held.id, held.token, Fail("no"))])
    before = await inspect.count_queues(conn)
    assert (await count_folding.fold_counts(conn)).folded > 100
    assert await inspect.count_queues(conn) == before
    assert await first_value(conn, "SELECT count(*) FROM lapinq_counts") == 3
    assert (await count_folding.fold_counts(conn)).folded == 0


async def test_promotion_and_expiry_wait_for_no_lock(connections: Connections) -> None:
    conn, other = await connections(2)
    expired = await enqueue(conn, 2, ttl_seconds=60.0)
    later_expired = await enqueue(conn, 2, ttl_seconds=60.0, scheduled_at=later(3600))
    due = await enqueue(conn, 2, scheduled_at=later(3600))
    past = "lapinq_now() - interval '1 second'"
    await conn.execute(f"UPDATE lapinq_ready SET expires_at = {past}")
    await conn.execute(f"UPDATE lapinq_delayed SET expires_at = {past} WHERE expires_at IS NOT NULL")
    await conn.execute(f"UPDATE lapinq_delayed SET due_at = {past} WHERE expires_at IS NULL")
    held = [expired[0], later_expired[0], due[0]]
    async with other.transaction():
        for table in ("lapinq_ready", "lapinq_delayed"):
            await other.execute(f"SELECT FROM {table} WHERE id = ANY(%s) FOR UPDATE", [held])
        assert await maintenance_jobs.expire(conn) == 2
        assert (await maintenance_jobs.promote(conn)).moved == 1
    assert await maintenance_jobs.expire(conn) == 2
    assert (await maintenance_jobs.promote(conn)).moved == 1
