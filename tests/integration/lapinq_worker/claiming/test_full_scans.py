"""A full scan that takes too long is cancelled, and the worker goes on."""

import asyncio
from typing import Any

import pytest

from lapinq_worker.claiming import full_scans
from lapinq_worker.worker import Worker
from tests.integration.lapinq_worker.desk import Desk, settings, until
from tests.support.database.slow_scans import SLOW_QUEUE, make_scans_quick, make_scans_slow, scans_under_way
from tests.support.eventually import eventually_async
from tests.support.sample import tasks

# A scan asks for the first before the one that takes long, and for the last after it.
NAMED = ("default", SLOW_QUEUE, "other")


@pytest.fixture(autouse=True)
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_scans, "SCAN_DEADLINE_SECONDS", 0.2)


@pytest.mark.parametrize(
    "served",
    [
        pytest.param({}, id="all"),
        pytest.param({"worker_queues": NAMED, "worker_strict_order": True}, id="in order"),
    ],
)
async def test_unannounced_tasks_are_found_after_the_marks(desk: Desk, served: dict[str, Any]) -> None:
    async with desk.working(**served):
        for queue in ("default", "other"):
            await desk.ended(await desk.hand_in(tasks.aadd, 1, 1, queue_name=queue))
        await make_scans_slow(desk.conn)
        await eventually_async(lambda: scans_under_way(desk.conn))
        for queue in ("default", "other", "default"):
            await desk.ended(await desk.hand_in(tasks.aadd, 1, 1, queue_name=queue), timeout=5)
        assert await scans_under_way(desk.conn) == 0


async def test_a_failed_scan_does_not_pass_for_empty_queues(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full_scans, "SCAN_COST_FACTOR", 1.0)
    await make_scans_slow(desk.conn)
    draining = asyncio.create_task(Worker(settings(desk.url), drain=True).run())
    # The first is the fetcher's; what the drain asks of the queues may be the next.
    await until(lambda: caplog.text.count("took longer than") >= 3)
    await make_scans_quick(desk.conn)
    await asyncio.wait_for(draining, 20)
    assert not await desk.value("SELECT count(*) FROM lapinq_ready")
