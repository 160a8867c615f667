"""Claiming: order, bounds, fences. Each test has a database of its own, for claims commit."""

import asyncio
import uuid
from typing import Any

import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.tasks import backlog, claiming, worker_verbs
from lapinq_core.tasks.claim_facts import facts_of
from lapinq_core.tasks.claiming import LOWEST_MARK, Ask
from tests.integration.limits.test_lanes import govern
from tests.support.eventually import eventually_async
from tests.support.rows.factories import (
    Conn,
    Connections,
    add_worker,
    claim,
    enqueue,
    make_late,
    pause,
    status,
)


async def test_tasks_are_claimed_in_the_order_of_enqueueing(conn: Conn) -> None:
    await enqueue(conn, queue_name="other")
    ids = await enqueue(conn, 20)
    worker = await add_worker(conn)
    got = [held.id for _ in range(5) for held in await claim(conn, worker, 5)]
    assert got == ids


async def test_a_higher_priority_goes_first(conn: Conn) -> None:
    (low,) = await enqueue(conn, priority=-2147483648)
    (middle,) = await enqueue(conn)
    (high,) = await enqueue(conn, priority=2147483647)
    got = await claim(conn, await add_worker(conn), 10)
    assert [held.id for held in got] == [high, middle, low]


async def test_a_claim_starts_at_its_mark_and_ends_at_its_rank(conn: Conn) -> None:
    ids = await enqueue(conn, 3)
    (lower,) = await enqueue(conn, priority=-1)
    worker = await add_worker(conn)
    (first,) = await claim(conn, worker)
    assert first.id == ids[0]
    (returned,) = await enqueue(conn, priority=5)
    rest = await claim(conn, worker, 10, mark=(first.rank, first.seq), max_rank=0)
    assert [held.id for held in rest] == ids[1:]
    bottom = await claim(conn, worker, 10)
    assert [held.id for held in bottom] == [returned, lower]


async def test_a_task_past_its_time_to_live_is_never_claimed(conn: Conn) -> None:
    await enqueue(conn, ttl_seconds=100)
    await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now()")
    assert await claim(conn, await add_worker(conn), 10) == []


async def test_a_late_worker_still_claims_and_a_dead_or_unknown_one_gets_nothing(conn: Conn) -> None:
    await enqueue(conn, 2)
    worker = await add_worker(conn)
    await make_late(conn, worker)
    assert len(await claim(conn, worker)) == 1
    await conn.execute("UPDATE lapinq_workers SET dead_at = lapinq_now()")
    assert await claim(conn, worker) == []
    assert await claim(conn, str(uuid.uuid4())) == []


async def test_concurrent_claims_share_without_overlap(connections: Connections) -> None:
    conns = await connections(4)
    ids = await enqueue(conns[0], 400)
    worker = await add_worker(conns[0])

    async def take(conn: Conn) -> list[str]:
        got: list[str] = []
        while claims := await claim(conn, worker, 7):
            got += [held.id for held in claims]
        return got

    shares = await asyncio.gather(*map(take, conns))
    assert sorted(task for share in shares for task in share) == ids


async def test_a_claim_waits_for_no_lock(connections: Connections) -> None:
    conn, other = await connections(2)
    ids = await enqueue(conn, 2)
    worker = await add_worker(conn)
    async with other.transaction():
        await other.execute("SELECT FROM lapinq_ready WHERE id = %s FOR UPDATE", (ids[0],))
        assert [held.id for held in await claim(conn, worker, 2)] == [ids[1]]
    assert [held.id for held in await claim(conn, worker, 2)] == [ids[0]]


async def test_limit_one_takes_one_under_any_plan_and_leaves_none_unreturned(
    connections: Connections,
) -> None:
    conns = await connections(4)
    worker = await add_worker(conns[0])

    async def take(conn: Conn) -> list[str]:
        got: list[str] = []
        for _ in range(10):
            claims = await claim(conn, worker)
            assert len(claims) == 1
            got.append(claims[0].id)
        return got

    plans = ("nestloop", "hashjoin", "mergejoin", "indexscan")
    for allowed, banned in (
        ("nested loop", ["hashjoin", "mergejoin"]),
        ("hash join", ["nestloop", "mergejoin"]),
        ("merge join", ["nestloop", "hashjoin"]),
        ("no index", ["indexscan"]),
    ):
        # This has every connection plan anew, too.
        await conns[0].execute("TRUNCATE lapinq_tasks, lapinq_ready, lapinq_running, lapinq_counts")
        ids = await enqueue(conns[0], 60)
        for conn in conns:
            for plan in plans:
                wanted = "off" if plan in banned else "on"
                await conn.execute(f"SET enable_{plan} = {wanted}".encode())
        # Several at once, for a row that another has locked meanwhile is what makes such a plan look again.
        returned = [task for share in await asyncio.gather(*map(take, conns)) for task in share]
        running = await all_rows(conns[0], "SELECT id::text FROM lapinq_running ORDER BY id")
        assert [task for (task,) in running] == sorted(returned), allowed
        assert sorted(returned) == ids[:40], allowed


async def test_heads_and_discovery_name_the_first_task_of_each_queue(database: str, conn: Conn) -> None:
    await enqueue(conn, queue_name="a")
    await enqueue(conn, queue_name="b", priority=3)
    await enqueue(conn, queue_name="b")
    await enqueue(conn, queue_name="zü")
    assert await worker_verbs.discover(conn) == {"a": (0, 1), "b": (-3, 2), "zü": (0, 4)}
    marks = {"a": LOWEST_MARK, "b": (0, 0), "none": LOWEST_MARK}
    assert await worker_verbs.heads(conn, marks) == {"a": (0, 1), "b": (0, 3)}
    await conn.execute("UPDATE lapinq_ready SET isolation = 2 WHERE seq <= 2")
    assert await backlog.isolated_first(conn, dict.fromkeys([*marks, "zü"], LOWEST_MARK)) == ["a", "b"]
    assert await backlog.isolated_first(conn, {"a": (0, 2), "b": (0, 0)}) == []


@pytest.mark.parametrize(
    "policy", [{}, {"max_running": 100}, {"max_running_per_key": 100}, {"start_order": "fair"}]
)
async def test_a_claim_takes_as_many_isolated_tasks_as_can_start_and_the_others_behind_them(
    conn: Conn, policy: dict[str, Any]
) -> None:
    keyed = {"key": "k"} if "max_running_per_key" in policy else {}
    alone, others = await enqueue(conn, 5, **keyed), await enqueue(conn, 3, **keyed)
    await conn.execute("UPDATE lapinq_ready SET isolation = 2 WHERE id = ANY (%s::uuid[])", [alone])
    if policy:
        await govern(conn, **policy)
    worker = await add_worker(conn)
    assert {held.id for held in await claim(conn, worker, 8, isolated=2)} == {*alone[:2], *others}
    assert await claim(conn, worker, 8, isolated=0) == []
    # A lane that has nothing for this worker closes for a second, so that others have its place.
    left = await eventually_async(lambda: claim(conn, worker, 8, isolated=3), 30)
    assert [held.attempt for held in left] == [1, 1, 1]


async def claim_of(conn: Conn, worker: str, limit: int, *asks: Ask, **values: Any) -> list[tuple[str, str]]:
    """What `worker` gets of several queues: queue and id."""
    token = str(uuid.uuid4())
    taken = await claiming.take(conn, asks, limit, worker=worker, token=token, lease=310.0, **values)
    assert {held.token for held in taken.claims} <= {token}
    return [(held.queue_name, held.id) for held in taken.claims]


async def test_a_claim_of_several_queues_asks_one_after_the_other_until_it_has_enough(
    database: str, conn: Conn
) -> None:
    worker = await add_worker(conn)
    a, b, c = [await enqueue(conn, 3, queue_name=queue) for queue in "abc"]
    (urgent,) = await enqueue(conn, queue_name="c", priority=1)
    assert await claim_of(conn, worker, 4, Ask("b", 2), Ask("none", 9), Ask("c", 1), Ask("a", 9)) == [
        ("a", a[0]),
        ("b", b[0]),
        ("b", b[1]),
        ("c", urgent),
    ]
    asks = [Ask("a", 9, (0, 3)), Ask("b", 9), Ask("c", 9)]
    assert await claim_of(conn, worker, 9, *(Ask(queue, 9, max_rank=-1) for queue in "abc")) == []
    # Of those that must run alone, as many as can start.
    await conn.execute("UPDATE lapinq_ready SET isolation = 2 WHERE id = ANY (%s::uuid[])", [c[:2]])
    taken = await claim_of(conn, worker, 9, *asks, isolated=1)
    assert taken == [("a", a[2]), ("b", b[2]), ("c", c[0]), ("c", c[2])]
    assert await claim_of(conn, worker, 9, *asks, isolated=0) == []
    assert await claim_of(conn, worker, 9, *asks, isolated=1) == [("c", c[1])]
    assert await all_rows(
        conn, "SELECT queue_name, -sum(pending) FROM lapinq_counts WHERE pending < 0 GROUP BY 1 ORDER BY 1"
    ) == [("a", 2), ("b", 3), ("c", 4)]


async def test_a_claim_of_several_queues_takes_nothing_of_paused_and_governed_ones_and_names_these(
    conn: Conn,
) -> None:
    worker = await add_worker(conn)
    for queue in ("free", "limited", "laned", "still"):
        await enqueue(conn, queue_name=queue, key="k" if queue == "laned" else None)
    await govern(conn, "limited", max_running=1)
    await pause(conn, "still")
    asks = [Ask(queue, 5) for queue in ("limited", "laned", "still", "free")]
    assert [queue for queue, _ in await claim_of(conn, worker, 5, *asks)] == ["free"]
    assert set(facts_of(conn).governed_until) == {"limited", "laned"}
    assert await claiming.held_back(conn, asks[:2]) == {}
    assert [held.queue_name for held in await claim(conn, worker, 5, "limited")] == ["limited"]
    await enqueue(conn, queue_name="limited")
    assert await claim(conn, worker, 5, "limited") == []
    assert await claiming.held_back(conn, asks[:2]) == {"limited": True}


async def test_claims_of_several_queues_beside_each_other_take_no_task_twice(
    connections: Connections,
) -> None:
    one, other = await connections(2)
    ids = [task for n in range(40) for task in await enqueue(one, 5, queue_name=f"q{n:02}")]
    worker = await add_worker(one)
    asks = [Ask(f"q{n:02}", 2) for n in range(40)]
    got = list[str]()
    while len(got) < len(ids):
        found = await asyncio.gather(
            claim_of(one, worker, 30, *asks), claim_of(other, worker, 30, *reversed(asks))
        )
        got += [task for pairs in found for _, task in pairs]
    assert sorted(got) == sorted(ids)


async def test_a_task_to_be_profiled_that_found_no_place_says_so_to_the_next_claims(conn: Conn) -> None:
    await enqueue(conn, profile=True)
    worker = await add_worker(conn)
    held = await claim(conn, worker, isolated=0)
    assert [one.isolation for one in held] == [Isolation.ISOLATED]
    await worker_verbs.release(conn, held)
    assert await claim(conn, worker, isolated=0) == []
    assert [one.attempt for one in await claim(conn, worker, isolated=1)] == [1]


async def test_fire_and_forget_leaves_nothing(conn: Conn) -> None:
    (gone,) = await enqueue(conn, ttl_seconds=0, args=[4, 5])
    assert await status(conn, gone) is None
    assert (await worker_verbs.claim_transient(conn, ["other"], 5)).claims == []
    (held,) = (await worker_verbs.claim_transient(conn, None, 5)).claims
    assert held.is_transient
    assert bytes(held.args) == b"[4,5]"
    assert (await worker_verbs.claim_transient(conn, None, 5)).claims == []
