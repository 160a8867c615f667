"""Which task a worker starts next: by priority, by queue, by order of entry."""

from collections import Counter
from pathlib import Path

import pytest

from tests.integration.lapinq_worker.desk import Desk, task_of
from tests.support.database.invariants import check_rows
from tests.support.sample import tasks


def order(directory: Path) -> list[str]:
    """The names of `tasks.mark` in the order of their starts."""
    marks = [path.name.split(".") for path in directory.glob("*.started.*")]
    return [name for name, *_ in sorted(marks, key=lambda parts: int(parts[-1]))]


async def test_higher_priorities_start_first(desk: Desk, tmp_path: Path) -> None:
    ids = await desk.hand_in_many(
        [
            task_of(tasks.amark, str(tmp_path), f"{queue}{priority}", priority=priority, queue_name=queue)
            for queue in ("a", "b")
            for priority in (0, 5, -5, 9)
        ]
    )
    async with desk.working(worker_concurrency=1):
        await desk.ended(*ids)
    assert [int(name[1:]) for name in order(tmp_path)] == [9, 9, 5, 5, 0, 0, -5, -5]


async def test_equal_priorities_start_in_the_order_of_entry(desk: Desk, tmp_path: Path) -> None:
    ids = await desk.hand_in_many([task_of(tasks.amark, str(tmp_path), f"{n:03}") for n in range(60)])
    async with desk.working(worker_concurrency=1):
        await desk.ended(*ids)
    assert order(tmp_path) == [f"{n:03}" for n in range(60)]


async def test_only_the_named_queues_are_served(desk: Desk) -> None:
    async with desk.working(worker_queues=("mail", "video=3")):
        served = [await desk.hand_in(tasks.aadd, 1, 1, queue_name=name) for name in ("mail", "video")]
        other = await desk.hand_in(tasks.aadd, 1, 1)
        await desk.hand_in(tasks.anoop, queue_name="other", ttl_seconds=0)
        await desk.ended(*served)
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1, queue_name="mail"))
        assert await desk.status(other) == "pending"
        assert await desk.value("SELECT count(*) FROM lapinq_transient") == 1


async def test_weights_divide_the_places(desk: Desk, tmp_path: Path) -> None:
    ids = await desk.hand_in_many(
        [
            task_of(tasks.amark, str(tmp_path), f"{queue}-{n}", 0.002, queue_name=queue)
            for n in range(90)
            for queue in ("video", "mail")
        ]
    )
    async with desk.working(worker_concurrency=4, worker_queues=("video=3", "mail")):
        await desk.ended(*ids)
    first = Counter(name.split("-")[0] for name in order(tmp_path)[:80])
    assert first["video"] == pytest.approx(60, abs=8)


async def test_the_backlog_of_one_queue_does_not_slow_another(desk: Desk, tmp_path: Path) -> None:
    backlog = await desk.hand_in_many([task_of(tasks.asleep, 0.02, queue_name="huge") for _ in range(1000)])
    async with desk.working(worker_concurrency=4):
        await desk.until("SELECT count(*) > 50 FROM lapinq_attempts")
        small = [await desk.hand_in(tasks.aadd, 1, 1, queue_name="small") for _ in range(5)]
        await desk.ended(*small)
        assert await desk.value("SELECT count(*) FROM lapinq_ready") > 0
    await check_rows(desk.conn, [*backlog, *small])
