"""The sweeps that give tasks of lost workers to others."""

import pytest

from lapinq_core.db.pool import PooledConnection, make_pool
from lapinq_core.fleet import workers
from lapinq_core.upkeep import rescuing
from lapinq_worker.liveness import rescuer as rescuer_module
from lapinq_worker.liveness.rescuer import Rescuer
from tests.integration.lapinq_worker.desk import Desk
from tests.support.rows.factories import add_worker, claim, complete, enqueue, make_late
from tests.support.rows.rescue import ANY_TIME


async def test_after_a_full_pass_the_next_follows_at_once(desk: Desk) -> None:
    worker = await add_worker(desk.conn)
    await enqueue(desk.conn, rescuing.PASS_LIMIT + 1)
    await claim(desk.conn, worker, rescuing.PASS_LIMIT + 1)
    await make_late(desk.conn, worker)
    woken = list[str]()
    async with make_pool(desk.url, "test", 1, timeout=10.0) as pool:
        rescuer = Rescuer(pool, lambda: ANY_TIME, woken.extend)
        assert [await rescuer.sweep() for _ in range(2)] == [0.0, None]
    assert rescuer.rescued_count == rescuing.PASS_LIMIT + 1
    assert woken == ["default"] * 2


async def test_a_worker_that_is_declared_dead_ends_the_rest_after_a_slow_search(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescuer_module, "REST_FACTOR", 1e9)  # every search counts as a slow one
    gone, worker = await add_worker(desk.conn), await add_worker(desk.conn)
    await enqueue(desk.conn, 2)
    async with make_pool(desk.url, "test", 1, timeout=10.0) as pool:
        rescuer = Rescuer(pool, lambda: ANY_TIME, lambda _queues: None)
        await rescuer.sweep()  # of the whole table
        await rescuer.sweep()
        await claim(desk.conn, gone, 1)
        await workers.deregister(desk.conn, gone)
        await rescuer.sweep()
        assert rescuer.rescued_count == 0
        await claim(desk.conn, worker, 1)
        await make_late(desk.conn, worker)
        await rescuer.sweep()
        assert rescuer.rescued_count == 2


async def test_a_search_begins_at_the_first_attempt_that_ran_at_the_last_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()
    find = rescuing.first_running

    async def first_running(conn: PooledConnection, since: str) -> str | None:
        asked.append(since)
        return await find(conn, since)

    monkeypatch.setattr(rescuing, "first_running", first_running)
    monkeypatch.setattr(rescuer_module, "REST_FACTOR", 1e9)  # the first search counts as slow

    gone = await add_worker(desk.conn)
    await enqueue(desk.conn, 3)
    ended, _ = await claim(desk.conn, await add_worker(desk.conn), 2)
    await claim(desk.conn, gone, 1)
    await complete(desk.conn, [ended])
    async with make_pool(desk.url, "test", 1, timeout=10.0) as pool:
        rescuer = Rescuer(pool, lambda: ANY_TIME, lambda _queues: None)
        await rescuer.sweep()
        monkeypatch.setattr(rescuer_module, "REST_FACTOR", 0.0)
        await rescuer.sweep()
        await workers.deregister(desk.conn, gone)
        await rescuer.sweep()
    assert rescuer.rescued_count == 1
    assert asked == ["(0,0)", "(0,2)", "(0,2)"]
