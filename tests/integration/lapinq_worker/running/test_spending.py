"""Tasks that use units of named limits, and that find one exhausted, in every kind of pool."""

from pathlib import Path

import pytest

from lapinq_core.domain.limits.rate import Rate
from lapinq_core.limits import named_limits
from tests.integration.lapinq_worker.desk import Desk
from tests.support.rows.factories import SOMEBODY
from tests.support.sample import spending

AN_HOUR = Rate(1, 36_000, 90)


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_what_an_attempt_used_counts_however_it_ends(desk: Desk, tmp_path: Path, pool: str) -> None:
    await named_limits.set_limit(desk.conn, "openai", None, AN_HOUR, by=SOMEBODY)
    async with desk.working(worker_pool=pool):
        takes = {"limits": {"openai": 40}}
        *ended, unknown = await desk.ended(
            await desk.hand_in(spending.spend, "openai", 30, 10, **takes),
            await desk.hand_in(spending.spend_and_fail, "openai", 20, max_retries=0, **takes),
            await desk.hand_in(spending.aspend, "openai", 0, 50, **takes),
            await desk.hand_in(spending.refused_once, "opnai", 60, str(tmp_path / "first"), max_retries=0),
        )
        assert [one.status for one in ended] == ["completed", "failed", "completed"]
        # The third needs what the first gave back.
        limit = await named_limits.get_limit(desk.conn, "openai")
        assert limit is not None
        assert limit.tokens == pytest.approx(90 - 10 - 20 - 50, abs=0.1)
    assert unknown.status == "failed"
    assert unknown.error == "RateLimited: there is no limit with the name 'opnai'"


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_a_task_that_is_refused_closes_its_limit_and_runs_again(
    desk: Desk, tmp_path: Path, pool: str
) -> None:
    await named_limits.set_limit(desk.conn, "openai", 1, None, by=SOMEBODY)
    async with desk.working(worker_pool=pool):
        for function in (spending.refused_once, spending.arefused_once):
            takes = {"limits": {"openai": 1}, "max_retries": 0}
            path = str(tmp_path / function.__name__)
            refused = await desk.hand_in(function, "openai", 60, path, **takes)
            await desk.until("SELECT count(*) = 1 FROM lapinq_attempts WHERE task_id = %s", refused)
            behind = await desk.hand_in(spending.spend, "openai", **takes)
            limit = await named_limits.get_limit(desk.conn, "openai")
            assert limit is not None
            assert limit.closed_until is not None
            assert (limit.running, limit.waiting) == (0, 2)
            await named_limits.open_limit(desk.conn, "openai", by=SOMEBODY)
            again, later = await desk.ended(refused, behind)
            assert (again.status, again.result, again.attempts) == ("completed", "1", 1)
            assert later.status == "completed"
            released, completed = await desk.attempts(refused)
            assert (released.outcome, released.error) == ("released", "limit openai closed for 60 s")
            assert (completed.outcome, completed.attempt) == ("completed", 1)
            order = "SELECT array_agg(task_id::text ORDER BY claimed_at) FROM lapinq_attempts WHERE task_id IN (%s, %s)"
            assert await desk.value(order, refused, behind) == [refused, refused, behind]
