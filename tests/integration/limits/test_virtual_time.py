"""Fair order: the virtual time of keys and of the queue, so that a late or small one waits no longer than a turn."""

from collections import Counter

from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.limits import lanes, named_limits
from lapinq_core.tasks import queues
from tests.integration.limits.test_lanes import govern, keys_of
from tests.support.database.running import on_connections
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete, enqueue


async def starts_until(conn: Conn, worker: str, key: str | None) -> int:
    """How many tasks start, one by one, until one of the key does."""
    for number in range(1, 20):
        if await keys_of(conn, await claim(conn, worker, 1)) == [key]:
            return number
    raise AssertionError("twenty others started before")


def test_a_late_key_waits_a_turn_after_a_task_that_took_many_units(database: str) -> None:
    async def test(conn: Conn) -> None:
        worker = await add_worker(conn)
        await named_limits.set_limit(conn, "tokens", None, Rate(10_000, 1, 10_000), by=SOMEBODY)
        await govern(conn, start_order="fair")
        await enqueue(conn, 1, key="large", limits={"tokens": 1000})
        await enqueue(conn, 40, key="flood", limits={"tokens": 1})
        assert await keys_of(conn, await claim(conn, worker, 2)) == ["large", "flood"]
        await enqueue(conn, 1, key="late", limits={"tokens": 1})
        assert await starts_until(conn, worker, "late") <= 2

    on_connections(database, test)


def test_a_late_key_owes_and_is_owed_nothing_for_tasks_without_a_key(database: str) -> None:
    async def test(conn: Conn) -> None:
        worker = await add_worker(conn)
        await govern(conn, start_order="fair")
        await enqueue(conn, 60)
        for _ in range(6):
            assert len(await claim(conn, worker, 10)) == 10
        await enqueue(conn, 40, key="late")
        await enqueue(conn, 1)
        assert await starts_until(conn, worker, None) <= 3

    on_connections(database, test)


def test_starts_in_another_order_count_nothing_in_fair_order(database: str) -> None:
    async def test(conn: Conn) -> None:
        worker = await add_worker(conn)
        await govern(conn, start_order="strict_per_key")
        await enqueue(conn, 30, key="old")
        for _ in range(10):
            await complete(conn, await claim(conn, worker, 5))
        await queues.set_policy(conn, "default", {"order": StartOrder.FAIR}, by=SOMEBODY)
        await enqueue(conn, 30, key="new")
        claims = [one for _ in range(4) for one in await claim(conn, worker, 5)]
        assert Counter(await keys_of(conn, claims)) == {"old": 10, "new": 10}

    on_connections(database, test)


def test_idle_keys_are_forgotten_in_each_order(database: str) -> None:
    async def test(conn: Conn) -> None:
        async def forgotten_after(hours: int, queue: str) -> bool:
            for table in ("keys", "lanes"):
                await conn.execute(
                    f"UPDATE lapinq_{table} SET changed_at = changed_at - %s * interval '1 hour'".encode(),
                    [hours],
                )
            await lanes.prune(conn)
            row = await (
                await conn.execute("SELECT FROM lapinq_keys WHERE queue_name = %s LIMIT 1", [queue])
            ).fetchone()
            return row is None

        worker = await add_worker(conn)
        rate = '{"limit": 100, "period_seconds": 0.01, "burst": 100}'
        await govern(conn, "strict", start_order="strict_per_key")
        await govern(conn, "limited", rate_per_key=rate)
        await govern(conn, "fair", start_order="fair")
        for queue in ("strict", "limited", "fair"):
            await enqueue(conn, 1, key="a", queue_name=queue)
            await complete(conn, await claim(conn, worker, queue=queue))
            assert not await forgotten_after(0, queue)
        assert await forgotten_after(2, "strict")
        assert await forgotten_after(0, "limited")
        # Its turn has not come again, as long as nothing else starts.
        assert not await forgotten_after(0, "fair")
        assert await forgotten_after(23, "fair")

    on_connections(database, test)
