"""Which task a worker starts next: by priority, by queue, by order of entry."""

from pathlib import Path

from lapinq_core.db.rows import one_row
from lapinq_core.limits import policies
from lapinq_worker.claiming.fire_and_forget import FireAndForget
from tests.integration.lapinq_worker.desk import Desk, task_of
from tests.support.rows.factories import SOMEBODY, pause
from tests.support.sample import tasks


def order(directory: Path) -> list[str]:
    """The names of `tasks.mark` in the order of their starts."""
    marks = [path.name.split(".") for path in directory.glob("*.started.*")]
    return [name for name, *_ in sorted(marks, key=lambda parts: int(parts[-1]))]


async def test_higher_priorities_start_first_and_equal_ones_in_the_order_of_entry(
    desk: Desk, tmp_path: Path
) -> None:
    waiting = [(queue, priority) for queue in ("a", "b") for priority in (0, 5, -5, 9)]
    ids = await desk.hand_in_many(
        [
            task_of(tasks.amark, str(tmp_path), f"{queue}{priority}", priority=priority, queue_name=queue)
            for queue, priority in waiting
        ]
    )
    alike = await desk.hand_in_many(
        [task_of(tasks.amark, str(tmp_path), f"-{100 + n}", priority=-100) for n in range(40)]
    )
    async with desk.working(worker_concurrency=1):
        await desk.ended(*ids, *alike)
    started = [int(name[1:]) for name in order(tmp_path)]
    assert started == [9, 9, 5, 5, 0, 0, -5, -5, *range(100, 140)]


async def test_only_the_named_queues_are_served(desk: Desk) -> None:
    async with desk.working(worker_queues=("mail", "video=3")):
        served = [await desk.hand_in(tasks.aadd, 1, 1, queue_name=name) for name in ("mail", "video")]
        other = await desk.hand_in(tasks.aadd, 1, 1)
        await desk.hand_in(tasks.anoop, queue_name="other", ttl_seconds=0)
        await desk.ended(*served)
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1, queue_name="mail"))
        assert await desk.status(other) == "pending"
        assert await desk.value("SELECT count(*) FROM lapinq_transient") == 1


async def test_fire_and_forget_of_queues_with_a_policy_waits_for_no_other_queue(desk: Desk) -> None:
    queues = ["mail", "calls", "paused", "busy"]
    for queue in (*queues[:3], "not served"):
        await policies.change(desk.conn, queue, {"max_running": 1}, by=SOMEBODY)
    await desk.hand_in_many(
        [
            task_of(tasks.anoop, queue_name=queue, ttl_seconds=0)
            for queue in [*queues, "busy", "busy", "not served"]
            for _ in range(3)
        ]
    )
    await pause(desk.conn, "paused")
    fire_and_forget = FireAndForget(0.1, in_order=False)
    for _ in range(2):
        claims = await fire_and_forget.claim(desk.conn, queues, 1)
        assert claims is not None
        assert [held.queue_name for held in claims] == ["busy"]
    stored = "SELECT array_agg(DISTINCT queue_name ORDER BY queue_name), count(*) FROM {}"
    assert await one_row(desk.conn, stored.format("lapinq_ready")) == (["calls", "mail"], 6)
    assert await one_row(desk.conn, stored.format("lapinq_transient")) == (
        ["busy", "not served", "paused"],
        13,
    )
