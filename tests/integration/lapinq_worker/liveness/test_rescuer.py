"""The sweeps that give tasks of lost workers to others."""

import pytest

from lapinq_core.db.pool import make_pool
from lapinq_core.fleet import workers
from lapinq_core.upkeep import rescuing
from lapinq_worker.liveness import rescuer as rescuer_module
from lapinq_worker.liveness.rescuer import Rescuer
from tests.integration.lapinq_worker.desk import Desk, at_desk
from tests.support.rows.factories import add_worker, claim, enqueue, make_late
from tests.support.rows.rescue import ANY_TIME


def test_after_a_full_pass_the_next_follows_at_once(database: str) -> None:
    async def test(desk: Desk) -> None:
        worker = await add_worker(desk.conn)
        await enqueue(desk.conn, rescuing.PASS_LIMIT + 1)
        await claim(desk.conn, worker, rescuing.PASS_LIMIT + 1)
        await make_late(desk.conn, worker)
        woken = list[str]()
        async with make_pool(database, "test", 1, timeout=10.0) as pool:
            rescuer = Rescuer(pool, lambda: ANY_TIME, woken.extend)
            assert [await rescuer.sweep() for _ in range(2)] == [0.0, None]
        assert rescuer.rescued_count == rescuing.PASS_LIMIT + 1
        assert woken == ["default"] * 2

    at_desk(database, test)


def test_a_worker_that_is_declared_dead_ends_the_rest_after_a_slow_search(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescuer_module, "REST_FACTOR", 1e9)  # every search counts as a slow one

    async def test(desk: Desk) -> None:
        gone, worker = await add_worker(desk.conn), await add_worker(desk.conn)
        await enqueue(desk.conn, 2)
        async with make_pool(database, "test", 1, timeout=10.0) as pool:
            rescuer = Rescuer(pool, lambda: ANY_TIME, lambda _queues: None)
            await rescuer.sweep()
            await claim(desk.conn, gone, 1)
            await workers.deregister(desk.conn, gone)
            await rescuer.sweep()
            assert rescuer.rescued_count == 0
            await claim(desk.conn, worker, 1)
            await make_late(desk.conn, worker)
            await rescuer.sweep()
            assert rescuer.rescued_count == 2

    at_desk(database, test)
