"""A task that is to be profiled: its attempts keep a profile, and those of others don't."""

import pytest

from lapinq_core.lookup.profiles import get_profile
from tests.integration.lapinq_worker.desk import Desk, Gate
from tests.support.database.invariants import check_rows
from tests.support.sample import tasks


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_each_attempt_keeps_a_profile_also_of_a_coroutine_that_fails(
    desk: Desk, gate: Gate, pool: str
) -> None:
    async with desk.working(worker_pool=pool):
        plain = await desk.hand_in(tasks.abusy_and_waits, 0.1, 0.05, profile=True)
        failing = await desk.hand_in(tasks.abusy_and_fails, 0.05, profile=True, max_retries=1)
        other = await desk.hand_in(tasks.add, 1, 2)
        assert [one.status for one in await desk.ended(plain, failing, other)] == [
            "completed",
            "failed",
            "completed",
        ]
        stored = "SELECT count(profile) = %s FROM lapinq_attempts WHERE task_id = %s"
        await desk.until(stored, 1, plain)
        gated = await desk.hand_in(tasks.wait_at, gate.path, profile=True)
        await gate.begun()
        gate.open()
    # Those of the last tasks are written before the worker stops.
    for count, task in ((2, failing), (1, gated), (0, other)):
        assert await desk.value(stored, count, task)
    for task, attempt in ((plain, 1), (failing, 2)):
        found = await get_profile(desk.conn, task)
        assert found is not None
        assert found[0] == attempt
        assert "_compute" in [frame.name for frame in found[1].frames]
    assert await get_profile(desk.conn, failing, 1) is not None
    found = await get_profile(desk.conn, plain)
    assert found is not None
    stacks = [[found[1].frames[place].name for place in stack.frames] for stack in found[1].stacks]
    assert ["abusy_and_waits", "_await", "sleep", "waiting"] in stacks
    await check_rows(desk.conn, [plain, failing, other])
