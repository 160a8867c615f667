"""What claims hear of tasks that are deleted, cancelled or expire: little, however many they are."""

from collections.abc import Awaitable, Callable

import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import bulk, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import maintenance_jobs
from tests.integration.limits.test_lanes import govern, keys_of
from tests.support.rows.factories import Conn, claim, complete, enqueue
from tests.support.rows.walks import steps

KEYS, EACH = 150, 4
SIZE = KEYS


async def told(conn: Conn) -> list[int]:
    """Of how many lanes each of the news tells. Forgets them."""
    return [
        count
        for (count,) in await all_rows(conn, "DELETE FROM lapinq_lane_news RETURNING cardinality(lanes)")
    ]


async def delete(conn: Conn) -> int:
    return len(await steps(conn, bulk.delete_tasks, SIZE, status=Status.PENDING))


async def cancel(conn: Conn) -> int:
    return len(await steps(conn, bulk.cancel_tasks, SIZE, status=Status.PENDING))


async def expire(conn: Conn) -> int:
    await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now() - seq * interval '1 second'")
    count = 1
    while await maintenance_jobs.expire(conn, SIZE) == SIZE:
        count += 1
    return count


@pytest.mark.parametrize("remove", [delete, cancel, expire])
async def test_claims_hear_of_each_lane_once_when_its_last_task_is_removed(
    conn: Conn, worker: str, remove: Callable[[Conn], Awaitable[int]]
) -> None:
    await govern(conn, max_running_per_key=EACH)
    for _ in range(EACH):
        for key in range(KEYS):
            await enqueue(conn, key=f"k{key}")
    await enqueue(conn, 100, key="one")
    while len(await claim(conn, worker, 1)) == 1 and await all_rows(conn, "SELECT FROM lapinq_lane_news"):
        pass
    assert await told(conn) == []
    assert await remove(conn) > EACH
    news = await told(conn)
    assert sum(news) == KEYS + 1
    assert max(news) <= 100, "a claim takes in whole rows, of a thousand lanes"


async def test_a_key_does_not_wait_for_a_removed_task_in_strict_order(conn: Conn, worker: str) -> None:
    [first, second, third, fourth] = [(await enqueue(conn, key="a"))[0] for _ in range(4)]
    await govern(conn, start_order="strict_per_key")
    [head] = await claim(conn, worker, 9)
    await worker_verbs.settle(conn, [ended_as(head.id, head.token, Retry(60.0, "no", None))])
    assert await claim(conn, worker, 9) == []
    await steps(conn, bulk.delete_tasks, 9, first=first, last=first)
    [held] = await claim(conn, worker, 9)
    assert held.id == second
    await complete(conn, [held])
    await conn.execute("SELECT lapinq_look_at_lanes_1(q, '{a}', true) FROM lapinq_queues q")
    await told(conn)
    assert await all_rows(conn, "SELECT head::text FROM lapinq_lanes WHERE is_open") == [(third,)]
    await steps(conn, bulk.cancel_tasks, 9, first=third, last=third)
    [held] = await claim(conn, worker, 9)
    assert held.id == fourth


async def test_a_lane_whose_first_task_is_removed_keeps_the_order_of_the_others(
    conn: Conn, worker: str
) -> None:
    await govern(conn, max_running_per_key=9)
    first = await enqueue(conn, key="a")
    for key in "bba":
        await enqueue(conn, key=key)
    assert await claim(conn, worker, 9, max_rank=-9) == []
    await told(conn)
    await steps(conn, bulk.delete_tasks, 9, first=first[0], last=first[0])
    assert await told(conn) == []
    assert await keys_of(conn, [*await claim(conn, worker, 1), *await claim(conn, worker, 9)]) == [
        "b",
        "b",
        "a",
    ]
