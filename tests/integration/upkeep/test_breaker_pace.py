"""How soon maintenance looks at circuit breakers again."""

import asyncio

import pytest

from lapinq_core.db.notifier import Notifier
from lapinq_core.db.pool import make_pool
from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.limits.task_breakers import put_breaker
from lapinq_core.monitoring.loop_times import LoopTimes, Observe
from lapinq_core.upkeep import maintenance
from lapinq_core.upkeep.maintenance import run_maintenance
from tests.support.rows.factories import SOMEBODY, Conn

INTERVAL_SECONDS = 1e-6
"""So short that any pass took long."""


class FirstPause(LoopTimes):
    """The first pause of the job that looks at breakers, in `found`."""

    def __init__(self) -> None:
        super().__init__("test")
        self.found: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()

    def of(self, loop: str) -> Observe:
        observe = super().of(loop)

        def look(seconds: float, pause: float | None) -> None:
            observe(seconds, pause)
            if loop == "breakers" and not self.found.done():
                self.found.set_result(pause)

        return look


@pytest.mark.parametrize("is_open", [False, True])
async def test_a_pass_that_took_long_is_followed_by_a_rest_unless_a_breaker_is_open(
    database: str, conn: Conn, is_open: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "BREAKER_INTERVAL_SECONDS", INTERVAL_SECONDS)
    await put_breaker(conn, "add", BreakerRule(failures_in_row=1), by=SOMEBODY)
    if is_open:
        await conn.execute(
            "UPDATE lapinq_task_breakers SET state = 'open', failures = 1, opened_at = lapinq_now(),"
            " pause_seconds = 3600, tries_at = lapinq_now() + interval '1 hour'"
        )
    stop, times = asyncio.Event(), FirstPause()
    async with make_pool(database, "test", 2, timeout=30) as pool:
        running = asyncio.create_task(run_maintenance(pool, Notifier(pool), stop, times, cleanup_interval=0))
        pause = await times.found
        stop.set()
        await running
    assert pause is not None
    assert (pause == INTERVAL_SECONDS) is is_open
