"""A claim of a queue with a policy passes what others have locked, and locks no more than it needs."""

from collections import Counter
from uuid import uuid4

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.limits import named_limits
from lapinq_core.tasks import claiming
from lapinq_core.tasks.claiming import Ask
from tests.integration.limits.test_lanes import govern, keys_of
from tests.support.rows.factories import SOMEBODY, Conn, Connections, add_worker, claim, complete, enqueue


async def test_a_task_that_a_transaction_has_locked_holds_back_no_other_key(connections: Connections) -> None:
    conn, user = await connections(2)
    worker = await add_worker(conn)
    [head] = await enqueue(conn, 1, key="locked", priority=9)
    await enqueue(conn, 3, key="free")
    async with user.transaction():
        await user.execute("SELECT FROM lapinq_ready WHERE id = %s FOR UPDATE", [head])
        assert await keys_of(conn, await claim(conn, worker, 1)) == ["free"]
        assert await keys_of(conn, await claim(conn, worker, 1)) == ["free"]
    await conn.execute("UPDATE lapinq_lanes SET opens_at = lapinq_now() WHERE opens_at IS NOT NULL")
    assert [held.id for held in await claim(conn, worker, 1)] == [head]


async def test_a_claim_comes_back_to_a_queue_that_is_locked_later_each_time(connections: Connections) -> None:
    conn, other = await connections(2)
    worker = await add_worker(conn)
    await govern(conn, max_running=9)
    await enqueue(conn, 1)
    ask = Ask("default", 1)
    waits: list[float] = []
    async with other.transaction():
        await other.execute("SELECT FROM lapinq_queues FOR NO KEY UPDATE")
        for _ in range(6):
            taken = await claiming.take(conn, [ask], 1, worker=worker, token=str(uuid4()), lease=310.0)
            assert taken.claims == []
            assert taken.opens_in is not None
            waits.append(taken.opens_in)
    assert 0.001 <= waits[0] <= 0.003
    assert 0.032 <= waits[-1] <= 0.096
    assert len(await claim(conn, worker, 1)) == 1


async def test_a_limit_that_another_claim_holds_is_passed(connections: Connections) -> None:
    conn, other = await connections(2)
    worker = await add_worker(conn)
    for name in ("held", "free"):
        await named_limits.set_limit(conn, name, 9, None, by=SOMEBODY)
        await enqueue(conn, 1, key=name, limits={name: 1})
    async with other.transaction():
        await other.execute("SELECT FROM lapinq_limits WHERE name = 'held' FOR NO KEY UPDATE")
        assert await keys_of(conn, await claim(conn, worker, 9)) == ["free"]
    assert await keys_of(conn, await claim(conn, worker, 9)) == ["held"]


async def test_of_many_limits_it_locks_those_of_the_first_tasks(connections: Connections) -> None:
    conn, other = await connections(2)
    worker = await add_worker(conn)
    for number in range(20):
        await named_limits.set_limit(conn, f"tenant {number}", 1, None, by=SOMEBODY)
        await enqueue(conn, 2, limits={f"tenant {number}": 1})
    await claim(conn, worker, 1)
    async with conn.transaction():
        assert len(await claim(conn, worker, 2)) == 2
        unlocked = await all_rows(other, "SELECT name FROM lapinq_limits FOR NO KEY UPDATE SKIP LOCKED")
        assert 16 <= len(unlocked) < 20


async def test_nothing_asks_for_a_lock_while_the_limits_of_all_that_waits_are_full(conn: Conn) -> None:
    worker = await add_worker(conn)
    for name in ("full", "also"):
        await named_limits.set_limit(conn, name, 1, None, by=SOMEBODY)
    await enqueue(conn, 3, limits={"full": 1})
    await enqueue(conn, 3, limits={"full": 1, "also": 1})
    [held] = await claim(conn, worker, 9)
    assert await claim(conn, worker, 9) == []
    ask = Ask("default", 1)
    assert await claiming.held_back(conn, [ask]) == {"default": True}
    await complete(conn, [held])
    assert await claiming.held_back(conn, [ask]) == {}
    assert await first_value(conn, "SELECT count(*) FROM lapinq_lanes WHERE is_open") == 2


async def test_a_key_with_several_lanes_has_one_share_of_a_claim(conn: Conn, worker: str) -> None:
    for name in ("gpu", "api"):
        await named_limits.set_limit(conn, name, 100, None, by=SOMEBODY)
    await govern(conn, start_order="fair")
    for limits in (None, {"gpu": 1}, {"api": 1}):
        await enqueue(conn, 20, key="several", limits=limits)
    await enqueue(conn, 60, key="one")
    started = Counter(await keys_of(conn, await claim(conn, worker, 30)))
    assert started["several"] == 15
