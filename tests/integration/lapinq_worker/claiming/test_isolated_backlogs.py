"""A worker whose places for isolated tasks are full rarely walks past those that wait."""

# pyright: reportPrivateUsage=false

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.tasks.claiming import Ask
from lapinq_worker.claiming import full_scans, isolated_backlogs
from lapinq_worker.claiming.claimer import Got
from lapinq_worker.running.dispatcher import MAX_ISOLATED
from lapinq_worker.worker import Worker
from tests.integration.lapinq_worker.claiming.test_fetching import scans_of
from tests.integration.lapinq_worker.desk import Desk, Gate, task_of, until
from tests.support.sample import tasks

WAITING = 1000


def asks_of(worker: Worker) -> list[Ask]:
    """What it asks for while it can't start another isolated task, from now on."""
    seen = list[Ask]()
    claim = worker._fetcher._claimer.claim

    async def noted(connection: PinnedConnection, asks: Sequence[Ask], wanted: int) -> Got:
        if not worker._inbox.free_isolated:
            seen.extend(asks)
        return await claim(connection, asks, wanted)

    worker._fetcher._claimer.claim = noted
    return seen


@pytest.fixture
async def backlog(desk: Desk, gate: Gate) -> list[str]:
    """Isolated tasks: as many as a worker can start, which wait at the gate, and some thousand."""
    ids = await desk.hand_in_many(
        [task_of(tasks.wait_at, gate.path) for _ in range(MAX_ISOLATED)]
        + [task_of(tasks.add, 1, 1) for _ in range(WAITING)]
    )
    await desk.conn.execute("UPDATE lapinq_ready SET isolation = 2")
    await desk.conn.execute("ANALYZE lapinq_ready")
    return ids


async def test_it_walks_past_them_no_more_often_than_their_cost_allows(
    desk: Desk, gate: Gate, backlog: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated_backlogs, "WALK_COST_FACTOR", 1e9)
    monkeypatch.setattr(isolated_backlogs, "MAX_REST_SECONDS", 600.0)
    monkeypatch.setattr(full_scans, "SCAN_COST_FACTOR", 0.0)
    async with desk.working(worker_concurrency=4 * MAX_ISOLATED) as worker:
        asks, scans = asks_of(worker), scans_of(worker)
        await gate.begun(MAX_ISOLATED)
        await until(lambda: len(scans) >= 10)
        assert Counter(ask.queue for ask in asks) == {"default": 1}
        # Another queue is served, also when a claim of both would walk past them.
        for _ in range(3):
            await desk.ended(await desk.hand_in(tasks.aadd, 1, 1, queue_name="other"))
        assert Counter(ask.queue for ask in asks)["default"] == 1
        gate.open()  # and each place that is free gets the next
        await desk.ended(*backlog[: 3 * MAX_ISOLATED])
        assert Counter(ask.queue for ask in asks)["default"] == 1


async def test_plain_tasks_behind_them_start_soon(
    desk: Desk, gate: Gate, tmp_path: Path, backlog: list[str]
) -> None:
    async with desk.working(worker_concurrency=4 * MAX_ISOLATED):
        await gate.begun(MAX_ISOLATED)
        for n in range(3):
            await desk.ended(await desk.hand_in(tasks.amark, str(tmp_path), str(n)))
        assert await desk.value("SELECT count(*) FROM lapinq_ready") == WAITING
        gate.open()
        await desk.ended(*backlog[:MAX_ISOLATED])
