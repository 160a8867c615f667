"""Where the order of a queue decides who waits for a named limit, the reason and the claim see the same order."""

import json

import pytest

from lapinq_core.lookup.why.blocking import LimitShort, LimitUsed
from lapinq_core.lookup.why.why_not_running import InLine, find_reason
from lapinq_core.tasks import worker_verbs
from tests.integration.limits.test_lanes import govern
from tests.integration.lookup.why.test_what_blocks import limit
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue

BURST = 10


async def units(conn: Conn, name: str, left: int) -> None:
    """A limit of which so many units are left; as good as none come in during the test."""
    await limit(conn, name, rate=json.dumps({"limit": 1, "period_seconds": 36_000, "burst": BURST}))
    await conn.execute(
        "UPDATE lapinq_limits SET tokens = %s, tokens_at = lapinq_now() WHERE name = %s", (left, name)
    )


async def one(conn: Conn, **values: object) -> str:
    [task_id] = await enqueue(conn, 1, **values)
    return task_id


async def waits_for(conn: Conn, task_id: str) -> str | None:
    """The task that is before it and has too few units; None if it has its turn."""
    reason = await find_reason(conn, task_id)
    if isinstance(reason, LimitShort):
        return reason.first
    assert isinstance(reason, InLine), reason
    return None


@pytest.mark.parametrize("key", ["a", None])
async def test_in_strict_order_what_is_released_comes_back_to_its_place(
    database: str, conn: Conn, key: str | None
) -> None:
    worker = await add_worker(conn, concurrency=50)
    for queue, small_is_back in ("small", True), ("large", False):
        await govern(conn, queue, start_order="strict_per_key")
        await units(conn, queue, 5)
        before = await one(conn, queue_name=queue, key="b")
        second = await one(conn, queue_name=queue, key="b", limits={queue: 5 if small_is_back else 1})
        back = await one(conn, queue_name=queue, key=key, limits={queue: 1 if small_is_back else 5})
        held = {c.id: c for c in await claim(conn, worker, 10, queue)}
        assert set(held) == {before, back}
        await complete(conn, [held[before]])
        await worker_verbs.release(conn, [held[back]])
        await conn.execute("INSERT INTO lapinq_limit_news (limit_name, units) VALUES (%s, -1)", (queue,))
        await claim(conn, worker, 0, queue)  # which looks at the lanes

        if small_is_back:
            assert await waits_for(conn, back) == second
            assert await claim(conn, worker, 10, queue) == []
        else:
            assert await waits_for(conn, second) is None
            assert [c.id for c in await claim(conn, worker, 10, queue)] == [second]


async def test_in_strict_order_tasks_without_a_key_wait_for_the_same_one_however_few_a_claim_asks_for(
    database: str, conn: Conn
) -> None:
    worker = await add_worker(conn, concurrency=50)
    for most in 1, 10:
        queue, name = f"queue {most}", f"api {most}"
        await govern(conn, queue, start_order="strict_per_key")
        await units(conn, name, 4)
        low = await one(conn, queue_name=queue, limits={name: 2})
        other = await one(conn, queue_name=queue, limits={name: 1}, key="a")
        large = await one(conn, queue_name=queue, limits={name: 5}, priority=5)
        assert [c.id for c in await claim(conn, worker, most, queue)] == [other]
        assert await claim(conn, worker, most, queue) == []
        assert isinstance(await find_reason(conn, large), LimitUsed)
        assert await waits_for(conn, low) == large


async def test_what_no_claim_is_offered_holds_back_no_other(database: str, conn: Conn) -> None:
    worker = await add_worker(conn, concurrency=50)
    await limit(conn, "full", max_running=1)
    await limit(conn, "closed", max_running=1)
    await conn.execute(
        "UPDATE lapinq_limits SET closed_until = lapinq_now() + interval '1 hour' WHERE name = 'closed'"
    )
    await one(conn, limits={"full": 1})
    assert len(await claim(conn, worker)) == 1
    ways = {
        "full": {"limits": {"full": 1, "api full": 5}},
        "closed": {"limits": {"closed": 1, "api closed": 5}},
        "expired": {"limits": {"api expired": 5}, "ttl_seconds": 60},
        "too large": {"limits": {"api too large": BURST + 1}},
    }
    for queue, values in ways.items():
        await units(conn, f"api {queue}", 4)
        await one(conn, queue_name=queue, key="a", **values)
        small = await one(conn, queue_name=queue, key="b", limits={f"api {queue}": 1})
        await claim(conn, worker, 0, queue)  # which looks at the lanes
        await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now() WHERE expires_at IS NOT NULL")
        assert await waits_for(conn, small) is None, queue
        assert [c.id for c in await claim(conn, worker, 10, queue)] == [small]


async def test_behind_one_that_never_starts_the_next_of_its_lane_counts(database: str, conn: Conn) -> None:
    worker = await add_worker(conn, concurrency=50)
    await units(conn, "api", 4)
    await one(conn, key="a", limits={"api": BURST + 1})
    large = await one(conn, key="a", limits={"api": 5})
    small = await one(conn, key="b", limits={"api": 1})
    assert await claim(conn, worker, 10) == []
    assert await waits_for(conn, small) == large


async def test_a_task_waits_for_one_of_higher_priority_though_its_key_has_one_of_a_higher_still(
    database: str, conn: Conn
) -> None:
    worker = await add_worker(conn, concurrency=50)
    await units(conn, "api", 4)
    small = await one(conn, key="a", limits={"api": 1})
    large = await one(conn, key="b", limits={"api": 5}, priority=3)
    first = await one(conn, key="a", limits={"api": 1}, priority=5)
    await claim(conn, worker, 0)  # which looks at the lanes
    assert await waits_for(conn, small) == large
    assert [c.id for c in await claim(conn, worker, 10)] == [first]


async def test_what_attempts_used_counts_though_no_claim_took_from_the_limit_yet(
    database: str, conn: Conn
) -> None:
    worker = await add_worker(conn, concurrency=50)
    await units(conn, "api", 4)
    await conn.execute("UPDATE lapinq_limits SET tokens = NULL")
    await conn.execute("INSERT INTO lapinq_limit_news (limit_name, units) VALUES ('api', -7)")
    task_id = await one(conn, limits={"api": 5})
    assert isinstance(await find_reason(conn, task_id), LimitUsed)
    assert await claim(conn, worker, 10) == []
