"""How soon maintenance looks at circuit breakers again."""

import asyncio
from collections import defaultdict

import pytest

from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import make_pool
from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.limits import breakers
from lapinq_core.monitoring.loop_times import LoopTimes, Observe
from lapinq_core.upkeep import maintenance
from lapinq_core.upkeep.maintenance import run_maintenance
from tests.support.rows.factories import SOMEBODY, Conn

INTERVAL_SECONDS = 1e-6
"""So short that any pass took long."""


class FirstPauses(LoopTimes):
    """The first pauses of the jobs."""

    def __init__(self) -> None:
        super().__init__("test")
        self._found: defaultdict[str, asyncio.Future[float | None]] = defaultdict(asyncio.Future)

    def of(self, loop: str) -> Observe:
        observe = super().of(loop)

        def look(seconds: float, pause: float | None) -> None:
            observe(seconds, pause)
            if not self._found[loop].done():
                self._found[loop].set_result(pause)

        return look

    async def after(self, loop: str) -> float | None:
        return await self._found[loop]


@pytest.mark.parametrize("is_open", [False, True])
async def test_a_pass_that_took_long_is_followed_by_a_rest_unless_a_breaker_is_open(
    database: str, conn: Conn, is_open: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "BREAKER_INTERVAL_SECONDS", INTERVAL_SECONDS)
    await breakers.put_breaker(conn, "queue", "mail", BreakerRule(failures_in_row=1))
    await breakers.put_task_breaker(conn, "add", BreakerRule(failures_in_row=1), by=SOMEBODY)
    await conn.execute("UPDATE lapinq_circuit_breakers SET since = lapinq_now() - interval '1 hour'")
    if is_open:
        await conn.execute(
            "UPDATE lapinq_circuit_breakers SET state = 'open', failures = 1, opened_at = lapinq_now(),"
            " pause_seconds = 3600, tries_at = lapinq_now() + interval '1 hour'"
        )
    stop, times = asyncio.Event(), FirstPauses()
    async with make_pool(database, "test", 2, timeout=30) as pool:
        running = asyncio.create_task(run_maintenance(pool, Notifier(pool), stop, times, cleanup_interval=0))
        pauses = [await times.after(job) for job in ("breakers", "breakers of tasks")]
        stop.set()
        await running
    assert None not in pauses
    assert [pause == INTERVAL_SECONDS for pause in pauses] == [is_open, is_open]
