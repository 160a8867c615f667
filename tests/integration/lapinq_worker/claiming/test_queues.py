"""Which queues a worker takes from: strictly in order where that is asked for, and never from a paused one."""

# pyright: reportPrivateUsage=false

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lapinq_core.db.notify.notifier import notify
from lapinq_core.db.pool import PinnedConnection
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.fleet.workers import Place
from lapinq_core.limits import named_limits
from lapinq_core.tasks.claiming import Ask
from lapinq_worker.claiming import claimer, fetcher, full_scans
from lapinq_worker.claiming.claimer import Got
from lapinq_worker.liveness.membership import Membership
from lapinq_worker.settling import settler
from lapinq_worker.worker import Worker
from tests.integration.lapinq_worker.desk import Desk, Gate, settings, task_of, until
from tests.integration.limits.test_lanes import govern
from tests.support.rows.factories import SOMEBODY, pause, resume
from tests.support.sample import tasks
from tests.support.sample.starts import starts

STRICT: dict[str, Any] = {
    "worker_queues": ("first", "second", "third"),
    "worker_strict_order": True,
    "worker_concurrency": 1,
}


def marks(directory: Path, queue: str, count: int, **values: Any) -> list[NewTask]:
    return [
        task_of(tasks.amark, str(directory), f"{queue}-{n}", queue_name=queue, **values) for n in range(count)
    ]


def order(directory: Path) -> list[str]:
    """The queues in the order in which their tasks were started."""
    begun = sorted(directory.glob("*.started.*"), key=lambda path: int(path.name.split(".")[3]))
    return [path.name.split("-")[0] for path in begun]


class Statements:
    """Counts what a worker's fetcher asks."""

    def __init__(self, worker: Worker) -> None:
        claimer, scans = worker._fetcher._claimer, worker._fetcher._full_scans
        self.claims = self.scans = 0
        claim, scan = claimer.claim, scans.scan

        async def counted_claim(connection: PinnedConnection, asks: Sequence[Ask], wanted: int) -> Got:
            self.claims += 1
            return await claim(connection, asks, wanted)

        async def counted_scan(connection: PinnedConnection) -> Mapping[str, tuple[int, int]] | None:
            self.scans += 1
            return await scan(connection)

        claimer.claim, scans.scan = counted_claim, counted_scan


async def test_queues_are_emptied_in_the_order_named_and_fire_and_forget_with_them(
    desk: Desk, tmp_path: Path
) -> None:
    # Priorities and the order of entry would have it the other way round.
    ids = await desk.hand_in_many(
        [
            *marks(tmp_path, "third", 3, priority=9),
            *marks(tmp_path, "second", 3, priority=5),
            *marks(tmp_path, "first", 3),
        ]
    )
    await desk.hand_in_many(
        [*marks(tmp_path, "third", 2, priority=9, ttl_seconds=0), *marks(tmp_path, "first", 2, ttl_seconds=0)]
    )
    async with desk.working(**STRICT):
        await desk.ended(*ids)
        await until(lambda: len(order(tmp_path)) == 13)
    assert order(tmp_path) == ["first"] * 5 + ["second"] * 3 + ["third"] * 5


async def test_work_in_an_earlier_queue_is_noticed_while_a_later_one_is_busy(
    desk: Desk, tmp_path: Path
) -> None:
    await desk.hand_in_many(
        [task_of(tasks.amark, str(tmp_path), f"third-{n}", 0.02, queue_name="third") for n in range(400)]
    )
    async with desk.working(**STRICT):
        for how in ("told", "found", "delayed"):
            await until(lambda: starts(tmp_path))
            # A higher priority than what was taken before, so that it stands below the mark.
            due = datetime.now(UTC) + timedelta(seconds=0.5) if how == "delayed" else None
            values: dict[str, Any] = {"priority": 2 if how == "told" else 1, "scheduled_at": due}
            urgent = await desk.hand_in_many(
                [task_of(tasks.amark, str(tmp_path), f"first-{how}", queue_name="first", **values)]
            )
            if how == "told":
                await notify(desk.conn, ["first"])
            await desk.ended(*urgent)
        assert len(starts(tmp_path)) < 400


async def test_a_paused_queue_costs_an_idle_worker_next_to_nothing(desk: Desk) -> None:
    await pause(desk.conn, "still")
    waiting = await desk.hand_in_many([task_of(tasks.anoop, queue_name="still") for _ in range(50)])
    async with desk.working(worker_poll_interval=0.25) as worker:
        await until(lambda: worker._listener.connected)
        # Until a scan, hints are followed, and how soon it comes depends on what a scan costs on this machine.
        async with asyncio.timeout(30):
            while "still" not in worker._fetcher._choice._paused:  # the choice sets no event
                await notify(desk.conn, ["still"])
                await asyncio.sleep(0.005)
        counted = Statements(worker)
        began = time.monotonic()
        # Somebody goes on handing in tasks, and the workers are told of each.
        while time.monotonic() - began < 1.0:
            await notify(desk.conn, ["still"])
            await asyncio.sleep(0.005)
        intervals = (time.monotonic() - began) / 0.25
        assert counted.scans <= 2 * intervals + 4
        assert counted.claims <= 2 * intervals + 4
        await resume(desk.conn, "still")
        scans = counted.scans
        await desk.ended(*waiting[:1])
        # How soon that is goes by what a scan costs here; that one of the next scans finds them does not.
        assert counted.scans - scans <= 3
        await desk.ended(*waiting)


async def test_a_queue_paused_under_a_busy_worker_stops_and_goes_on(
    desk: Desk, tmp_path: Path, gate: Gate
) -> None:
    other = await desk.hand_in_many([task_of(tasks.asleep, 0.02, queue_name="other") for _ in range(60)])
    running = await desk.hand_in(tasks.await_at, gate.path, queue_name="still")
    async with desk.working(worker_concurrency=2):
        await gate.begun()
        await pause(desk.conn, "still")
        waiting = await desk.hand_in_many(marks(tmp_path, "still", 5))
        await notify(desk.conn, ["still"])
        gate.open()
        await desk.ended(running)
        await desk.ended(*other)
        assert not starts(tmp_path)
        await resume(desk.conn, "still")
        await desk.ended(*waiting)


async def test_queues_of_which_nothing_may_start_keep_no_other_waiting(desk: Desk, gate: Gate) -> None:
    await named_limits.set_limit(desk.conn, "gpu", 1, None, by=SOMEBODY)
    running = await desk.hand_in(tasks.await_at, gate.path, queue_name="video", limits={"gpu": 1})
    async with desk.working(worker_concurrency=4) as worker:
        await gate.begun()
        counted = Statements(worker)
        blocked = await desk.hand_in_many(
            [
                task_of(tasks.anoop, queue_name=queue, limits={"gpu": 1})
                for queue in ("video", "audio", "text")
            ]
        )
        await notify(desk.conn, ["video", "audio", "text"])
        await until(lambda: counted.claims > 10)
        other = await desk.hand_in(tasks.anoop, queue_name="mail")
        await notify(desk.conn, ["mail"])
        await desk.ended(other)
        gate.open()
        await desk.ended(running, *blocked)


async def test_queues_with_and_without_a_policy_are_served_beside_many_that_may_start_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (claimer, fetcher):
        monkeypatch.setattr(module, "TURN_SECONDS", 0.0)  # a turn asks once
    names = [f"rated {n}" for n in range(25)]
    for name in names:
        await govern(desk.conn, name, rate='{"limit": 1, "period_seconds": 3600, "burst": 1}')
    first, second = [
        await desk.hand_in_many([task_of(tasks.anoop, queue_name=name) for name in names]) for _ in range(2)
    ]
    await govern(desk.conn, "limited", max_running=1)
    async with desk.working(worker_concurrency=5):
        await desk.ended(*first)
        others = [task_of(tasks.anoop, queue_name=name) for name in ("limited", "a", "b") for _ in range(20)]
        await desk.ended(*await desk.hand_in_many(others))
        assert {task.status for task in await desk.find(*second)} == {"pending"}


async def test_many_queues_cost_a_claim_for_many_of_them(desk: Desk) -> None:
    ids = await desk.hand_in_many([task_of(tasks.anoop, queue_name=f"queue {n}") for n in range(300)])
    worker = Worker(settings(desk.url, worker_concurrency=100))
    counted = Statements(worker)
    running = asyncio.create_task(worker.run())
    await desk.ended(*ids)
    worker.stop()
    await running
    assert counted.claims < 30


async def test_before_a_full_limit_a_fleet_looks_as_often_as_one_worker_and_finds_what_others_free(
    desk: Desk, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await named_limits.set_limit(desk.conn, "gpu", 1, None, by=SOMEBODY)
    running = await desk.hand_in(tasks.await_at, gate.path, queue_name="video", limits={"gpu": 1})
    async with desk.working(worker_queues=("video",)), desk.working(worker_queues=("audio",)) as waiting:
        await gate.begun()
        blocked = await desk.hand_in(tasks.anoop, queue_name="audio", limits={"gpu": 1})

        def pause() -> float:
            return waiting._fetcher._pause_after(1, 0) if waiting._fetcher._need_place else 0.0

        await until(lambda: pause() > 0.05)  # of one as long as if it were awake, or a little longer
        assert pause() <= 1.25 * 0.05
        with monkeypatch.context() as crowd:
            crowd.setattr(Membership, "place", Place(0, 40, 40))
            await until(lambda: pause() >= 0.75 * 40 * 0.05)
        gate.open()
        await desk.ended(running, blocked)


async def test_a_worker_before_a_full_limit_looks_again_when_the_end_of_its_task_is_written(
    desk: Desk, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full_scans, "SCAN_COST_FACTOR", 0.0)
    monkeypatch.setattr(settler, "FEW_OUTCOMES", 0)  # writes on another connection than it claims on
    await named_limits.set_limit(desk.conn, "gpu", 1, None, by=SOMEBODY)
    first = await desk.hand_in(tasks.await_at, gate.path, limits={"gpu": 1})
    second = await desk.hand_in(tasks.anoop, limits={"gpu": 1})
    async with desk.working(worker_poll_interval=3600.0, worker_concurrency=2) as worker:
        await gate.begun()
        async with desk.conn.transaction():
            await desk.conn.execute("SELECT FROM lapinq_running FOR UPDATE")
            gate.open()
            await desk.until("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            await until(lambda: worker._hints.wake._waiters and not worker._hints.wake.is_set())
        await desk.ended(first, second)
