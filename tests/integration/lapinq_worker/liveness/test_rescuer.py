"""The sweeps that give tasks of lost workers to others."""

from lapinq_core.db.pool import make_pool
from lapinq_core.upkeep import rescuing
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
            assert [await rescuer.sweep() for _ in range(3)] == [0.0, None, None]
        assert rescuer.rescued_count == rescuing.PASS_LIMIT + 1
        assert woken == ["default"] * 2

    at_desk(database, test)
