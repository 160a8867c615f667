"""Tasks that ended are deleted when their time is over, one by one or with their week, and nothing else is."""

import asyncio
from typing import Any

import pytest

from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import make_pool
from lapinq_core.db.rows import maybe_row
from lapinq_core.domain.tasks.decide import Drop, Fail, Retry
from lapinq_core.domain.tasks.retention import read_keep
from lapinq_core.domain.tasks.state import Status
from lapinq_core.monitoring.loop_times import LoopTimes, Observe
from lapinq_core.people import audit
from lapinq_core.tasks import actions, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import duty as duty_protocol
from lapinq_core.upkeep import maintenance_jobs, retention, retention_rounds
from lapinq_core.upkeep.duty import Duty
from lapinq_core.upkeep.maintenance import run_maintenance
from lapinq_core.upkeep.retention import DeletedBatch, delete_ended
from tests.integration.tasks.actions.test_bulk import rows
from tests.support.database.invariants import check_invariants, check_rows
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import SOMEBODY, Conn, Connections, add_worker, claim, complete, status
from tests.support.rows.weeks import enqueue_back_then, make_week, weeks

DAY = 86_400
MONTH = read_keep(["30d"])
LONG_AGO = 10
ENDS = {Status.COMPLETED: None, Status.FAILED: Fail("no"), Status.CANCELLED: Drop("no")}


async def end(conn: Conn, worker: str, task: str, as_status: Status, days_ago: float) -> None:
    """Lets a task that waits end, after an attempt that is tried again where it starts, and so long ago."""
    if as_status is Status.EXPIRED:
        await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now() WHERE id = %s", [task])
        assert await maintenance_jobs.expire(conn) == 1
    else:
        (held,) = await claim(conn, worker)
        assert held.id == task
        await worker_verbs.settle(conn, [ended_as(held.id, held.token, Retry(0, "once more"))])
        (held,) = await claim(conn, worker)
        if (following := ENDS[as_status]) is None:
            await complete(conn, [held])
        else:
            await worker_verbs.settle(conn, [ended_as(held.id, held.token, following)])
    await age(conn, task, days_ago)


async def age(conn: Conn, task: str, days: float) -> None:
    """Lets it have ended so long ago."""
    await conn.execute(
        "UPDATE lapinq_attempts SET finished_at = lapinq_now() - %s * interval '1 day' WHERE task_id = %s",
        [days, task],
    )


async def ended(
    conn: Conn, as_status: Status, days_ago: float, *, weeks_ago: int = LONG_AGO, **values: Any
) -> str:
    """The id of a task of long ago that ended `days_ago`."""
    (task,) = await enqueue_back_then(conn, weeks_ago, **values)
    await end(conn, await add_worker(conn), task, as_status, days_ago)
    return task


async def test_what_ended_so_is_deleted_after_its_time_and_nothing_else(conn: Conn) -> None:
    every = [Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.EXPIRED]
    late = {each: await ended(conn, each, 31) for each in every}
    kept = [await ended(conn, each, 29) for each in every]
    kept += await enqueue_back_then(conn, LONG_AGO)
    for of in every:
        assert await delete_ended(conn, of, 30 * DAY) == DeletedBatch(1, None)
        assert await rows(conn, late.pop(of)) == []
        assert None not in [await status(conn, task) for task in (*late.values(), *kept)]
    await check_rows(conn, kept)


async def test_a_task_is_kept_from_its_end_on_and_ids_younger_than_the_time_are_not_looked_at(
    conn: Conn,
) -> None:
    late = await ended(conn, Status.FAILED, 1)
    assert await delete_ended(conn, Status.FAILED, 2 * DAY) == DeletedBatch(0, None)
    await age(conn, late, 2)
    assert await delete_ended(conn, Status.FAILED, 2 * DAY) == DeletedBatch(1, None)
    young = await ended(conn, Status.COMPLETED, 500, weeks_ago=1)
    assert await delete_ended(conn, Status.COMPLETED, 30 * DAY) == DeletedBatch(0, None)
    assert await delete_ended(conn, Status.COMPLETED, DAY // 24) == DeletedBatch(1, None)
    assert await rows(conn, young) == []


async def test_a_window_follows_the_last_whatever_is_in_it(conn: Conn) -> None:
    tasks = [
        await ended(conn, Status.FAILED if n % 2 else Status.COMPLETED, 40 if n < 4 else 1) for n in range(6)
    ]
    first = await delete_ended(conn, Status.COMPLETED, 30 * DAY, limit=3)
    assert first is not None
    assert first == DeletedBatch(2, tasks[2])
    assert await delete_ended(conn, Status.COMPLETED, 30 * DAY, first.last, limit=3) == DeletedBatch(
        0, tasks[5]
    )
    assert await delete_ended(conn, Status.COMPLETED, 30 * DAY, tasks[5], limit=3) == DeletedBatch(0, None)
    assert await delete_ended(conn, Status.FAILED, 30 * DAY, limit=1) == DeletedBatch(1, tasks[1])
    assert await delete_ended(conn, Status.FAILED, 30 * DAY, tasks[1], limit=1) == DeletedBatch(1, tasks[3])
    await check_rows(conn, tasks[4:])


async def test_a_task_that_is_requeued_meanwhile_stays(connections: Connections) -> None:
    one, two, looking = await connections(3)
    task, other = [await ended(looking, Status.FAILED, 40) for _ in range(2)]
    async with one.transaction():
        assert await actions.requeue(one, task, by="lisa") == "default"
        assert await delete_ended(two, Status.FAILED, 30 * DAY) is None, "it waits for a moment only"
        deleting = asyncio.ensure_future(delete_ended(two, Status.FAILED, 30 * DAY))
        await eventually_async(lambda: is_held_up(looking, two))
    assert await deleting == DeletedBatch(1, None)
    assert (await status(looking, task), await rows(looking, other)) == ("pending", [])
    await check_rows(looking, [task])


class Pauses(LoopTimes):
    """Keeps how long each pass of retention took, and the pause after it."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.of_retain: list[tuple[float, float]] = []

    def of(self, loop: str) -> Observe:
        observe = super().of(loop)

        def keep(seconds: float, pause: float | None) -> None:
            observe(seconds, pause)
            if loop == "retain" and pause is not None:
                self.of_retain.append((seconds, pause))

        return keep


async def test_retention_goes_its_rounds_also_off_duty_and_prunes_the_audit_log(
    database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duty_protocol, "PATIENCE_SECONDS", (3600.0, 3600.0))
    monkeypatch.setattr(retention, "BATCH", 1)
    monkeypatch.setattr(retention_rounds, "ROUND_INTERVAL_SECONDS", 0.1)
    monkeypatch.setattr(retention_rounds, "COST_FACTOR", 0.0)
    await make_week(conn, LONG_AGO)
    for _ in range(3):
        await ended(conn, Status.COMPLETED, 40)
    await ended(conn, Status.COMPLETED, 8, weeks_ago=2)
    kept = [await ended(conn, Status.FAILED, 20, weeks_ago=4), *await enqueue_back_then(conn, 4)]
    for target in ("old", "new"):
        await audit.record(conn, SOMEBODY.did("task.cancel", target))
    await conn.execute("UPDATE lapinq_audit SET at = at - interval '3 days' WHERE target = 'old'")

    async def is_over() -> bool:
        left = await maybe_row(
            conn,
            "SELECT array(SELECT id::text FROM lapinq_tasks ORDER BY id),"
            " array(SELECT target FROM lapinq_audit)",
        )
        return left == (sorted(kept), ["new"]) and await weeks(conn) == []

    stop, times, duty = asyncio.Event(), Pauses("test"), Duty()
    duty.heard("0-a-worker-that-keeps-everything")
    async with make_pool(database, "test", 4, timeout=5) as pool:
        running = asyncio.create_task(
            run_maintenance(
                pool,
                Notifier(pool),
                stop,
                times,
                cleanup_interval=0,
                duty=duty,
                keep=read_keep(["30d", "completed=1w", "audit=2d"]),
            )
        )
        await eventually_async(is_over, 30)
        stop.set()
        await running
    assert all(pause <= max(0.1, 9 * took) for took, pause in times.of_retain)
    assert None not in [await status(conn, task) for task in kept]
    check_invariants(database, kept)
