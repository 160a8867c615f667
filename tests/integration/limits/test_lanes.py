"""Which tasks of a queue with a policy start, and in which order."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from psycopg.pq import TransactionStatus

from lapinq_core.db.pool import LOCK_TIMEOUT_SECONDS, PLAN_SETTINGS, configure
from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.limits import lanes, named_limits, policies
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.rows.factories import (
    SOMEBODY,
    Conn,
    Connections,
    add_worker,
    claim,
    complete,
    enqueue,
    make_delayed_ready,
)


async def govern(conn: Conn, queue: str = "default", **policy: Any) -> None:
    names = ", ".join(policy)
    places = ", ".join(f"%({name})s" for name in policy)
    changes = ", ".join(f"{name} = excluded.{name}" for name in policy)
    statement = (
        f"INSERT INTO lapinq_queues (name, {names}) VALUES (%(queue)s, {places})"
        f" ON CONFLICT (name) DO UPDATE SET {changes}"
    )
    await conn.execute(statement.encode(), {"queue": queue, **policy})


async def keys_of(conn: Conn, claims: list[Any]) -> list[str]:
    rows = await all_rows(
        conn, "SELECT id::text, key FROM lapinq_tasks WHERE id::text = ANY (%s)", [[c.id for c in claims]]
    )
    by_id = dict(rows)
    return [by_id[c.id] for c in claims]


async def test_no_more_of_a_key_run_than_may_and_the_next_starts_when_one_ended(conn: Conn) -> None:
    worker = await add_worker(conn)
    for key in "ab":
        await enqueue(conn, 5, key=key)
    await enqueue(conn, 2)
    await govern(conn, max_running_per_key=2)
    first = await claim(conn, worker, 20)
    keys = await keys_of(conn, first)
    assert Counter(keys) == {"a": 2, "b": 2, None: 2}
    assert await claim(conn, worker, 20) == []
    await complete(conn, [first[keys.index("a")]])
    assert await keys_of(conn, await claim(conn, worker, 20)) == ["a"]
    assert await claim(conn, worker, 20) == []


@pytest.mark.parametrize(
    "policy",
    [{"max_running_per_key": 2}, {"rate_per_key": '{"limit": 1, "period_seconds": 3600, "burst": 2}'}],
    ids=["running", "rate"],
)
async def test_the_lanes_of_a_full_key_hide_no_other_for_a_claim(conn: Conn, policy: dict[str, Any]) -> None:
    """The first claim takes a task each of two lanes, and of neither as many as the key may start."""
    worker = await add_worker(conn)
    for name in ("gpu", "api"):
        await named_limits.set_limit(conn, name, 10, None, by=SOMEBODY)
    await govern(conn, **policy)
    await enqueue(conn, 1, key="full")
    await enqueue(conn, 2, key="full", limits={"gpu": 1})
    await enqueue(conn, 1, key="full", limits={"api": 1})
    await enqueue(conn, 1, key="behind", limits={"gpu": 1})
    await enqueue(conn, 1, key="behind", limits={"api": 1})
    await enqueue(conn, 1)
    assert await keys_of(conn, await claim(conn, worker, 2)) == ["full", "full"]
    started = [await keys_of(conn, await claim(conn, worker, 1)) for _ in range(3)]
    assert started == [["behind"], ["behind"], [None]]


@pytest.mark.parametrize("order", ["priority", "fair"])
async def test_in_priority_order_a_claim_does_not_pass_a_higher_priority_of_another_queue(
    conn: Conn, worker: str, order: str
) -> None:
    await named_limits.set_limit(conn, "gpu", 9, None, by=SOMEBODY)
    await enqueue(conn, 2, key="a", priority=5)
    await enqueue(conn, 2, key="b", priority=1)
    await enqueue(conn, 2, key="c", priority=2, limits={"gpu": 1})
    await enqueue(conn, 1, priority=3)
    await govern(conn, start_order=order)
    first = await claim(conn, worker, 10, max_rank=-3)
    if order == "fair":
        assert len(first) == 7  # it shares, whatever the priority
    else:
        assert await keys_of(conn, first) == ["a", "a", None]
        assert await claim(conn, worker, 10, max_rank=-3) == []
        assert await keys_of(conn, await claim(conn, worker, 10)) == ["c", "c", "b", "b"]


async def test_starts_are_shared_by_weight(conn: Conn, worker: str) -> None:
    await enqueue(conn, 100, key="flood")
    await enqueue(conn, 30, key="gold")
    await govern(conn, start_order="fair", weights='{"gold": 3}')
    got: list[str] = []
    for _ in range(5):
        got += await keys_of(conn, await claim(conn, worker, 8))
    assert Counter(got) == {"gold": 30, "flood": 10}
    await enqueue(conn, 1, key="late")
    assert "late" in await keys_of(conn, await claim(conn, worker, 2))


async def test_a_key_in_strict_order_waits_until_its_first_task_has_ended_for_good(conn: Conn) -> None:
    worker = await add_worker(conn)
    ids = [await enqueue(conn, 1, key="a", priority=n) for n in range(3)]
    await enqueue(conn, 1, key="b")
    await govern(conn, start_order="strict_per_key")
    claims = await claim(conn, worker, 10)
    assert len(claims) == 2
    [head] = [c for c in claims if c.id == ids[0][0]]
    await worker_verbs.settle(conn, [ended_as(head.id, head.token, Retry(60.0, "no", None))])
    assert await claim(conn, worker, 10) == []
    await make_delayed_ready(conn)
    [again] = await claim(conn, worker, 10)
    assert again.id == head.id
    assert await claim(conn, worker, 10) == []
    await complete(conn, [again])
    [second] = await claim(conn, worker, 10)
    assert second.id == ids[1][0]


async def test_no_lane_starts_in_strict_order_before_a_claim_has_looked_at_it(
    conn: Conn, worker: str
) -> None:
    await enqueue(conn, 3, key="a")
    assert len(await claim(conn, worker)) == 1
    await policies.change(conn, "default", {"order": StartOrder.STRICT_PER_KEY}, by=SOMEBODY)
    await conn.execute("DELETE FROM lapinq_lane_news")  # as if they came after those of a thousand lanes
    assert await claim(conn, worker, 10) == []


async def test_closed_lanes_are_looked_at_again_but_nobody_adds_to_many_news_that_no_claim_reads(
    conn: Conn, worker: str
) -> None:
    await govern(conn, max_running_per_key=1)
    await enqueue(conn, 2, key="a")
    await claim(conn, worker, 2)
    assert await claim(conn, worker, 2) == []
    await conn.execute("UPDATE lapinq_lanes SET changed_at = changed_at - interval '2 minutes'")
    for _ in range(102):
        await lanes.Recheck().step(conn)
    assert await first_value(conn, "SELECT count(*) FROM lapinq_lane_news") == 100


async def test_a_claim_is_one_message_so_that_a_worker_that_stalls_holds_no_lock(
    conn: Conn, worker: str, tmp_path: Path
) -> None:
    await enqueue(conn, 9, key="a")
    for _ in range(7):  # until all statements are prepared
        await claim(conn, worker)
    with (tmp_path / "trace").open("w+") as trace:
        conn.pgconn.trace(trace.fileno())
        assert len(await claim(conn, worker)) == 1
        conn.pgconn.untrace()
        trace.seek(0)
        sent = [fields[3] for line in trace if (fields := line.split("\t"))[1] == "F"]
    assert sent.count("Sync\n") == 1


async def test_a_claim_does_not_wait_long_for_a_queue_that_somebody_locks_and_locks_none_without_tasks(
    connections: Connections,
) -> None:
    conn, other = await connections(2)
    worker = await add_worker(conn)
    await govern(conn, max_running=9)  # so that the queue has a row
    async with conn.transaction():
        assert await claim(conn, worker) == []
        # Else the claim under the lock, which is a transaction of its own, had ended this one.
        assert conn.info.transaction_status is TransactionStatus.INTRANS
    await enqueue(conn, 2, key="a")
    async with other.transaction():
        await other.execute("SELECT FROM lapinq_queues FOR UPDATE")
        async with asyncio.timeout(LOCK_TIMEOUT_SECONDS / 2):
            assert await claim(conn, worker) == []
        assert conn.info.transaction_status is TransactionStatus.IDLE
        assert await first_value(conn, "SELECT current_setting('lock_timeout')") == "5s"
    assert len(await claim(conn, worker, 2)) == 2


async def test_a_rate_gives_its_burst_and_what_is_released_and_later_more(conn: Conn, worker: str) -> None:
    await enqueue(conn, 10)
    await govern(conn, rate='{"limit": 6, "period_seconds": 3600, "burst": 4}')
    claims = await claim(conn, worker, 10)
    assert len(claims) == 4
    assert await claim(conn, worker, 10) == []
    await worker_verbs.release(conn, claims[:3])
    assert len(await claim(conn, worker, 10)) == 3
    assert await claim(conn, worker, 10) == []
    await conn.execute("UPDATE lapinq_queues SET tokens_at = tokens_at - interval '21 minutes'")
    assert len(await claim(conn, worker, 10)) == 2


async def test_a_rate_per_key_closes_one_key_and_what_is_released_gives_its_start_back(conn: Conn) -> None:
    worker = await add_worker(conn)
    await named_limits.set_limit(conn, "tokens", None, Rate(1, 3600, 10), by=SOMEBODY)
    await enqueue(conn, 4, key="a", limits={"tokens": 5})
    await enqueue(conn, 5, key="b")
    rate = '{"limit": 1, "period_seconds": 3600, "burst": 5}'
    await govern(conn, rate=rate, rate_per_key='{"limit": 1, "period_seconds": 60, "burst": 3}')
    claims = await claim(conn, worker, 10)
    assert Counter(await keys_of(conn, claims)) == {"a": 2, "b": 3}
    assert await claim(conn, worker, 10) == []
    await worker_verbs.release(conn, claims)
    again = await claim(conn, worker, 10)
    assert Counter(await keys_of(conn, again)) == {"a": 2, "b": 3}
    await govern(conn, rate=None)
    assert await claim(conn, worker, 10) == []
    await conn.execute("UPDATE lapinq_keys SET tokens_at = tokens_at - interval '60 seconds'")
    await conn.execute("UPDATE lapinq_lanes SET opens_at = opens_at - interval '60 seconds'")
    assert await keys_of(conn, await claim(conn, worker, 10)) == ["b"]


async def test_a_rate_or_weight_that_was_stored_before_it_was_refused_stops_no_claims(conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn, 3, key="a")
    await enqueue(conn, 1)
    slow = '{"limit": 1e-6, "period_seconds": 31536000, "burst": 1}'
    weights = '{"a": 1e-310, "": 1e-310}'
    await govern(conn, rate_per_key=slow, start_order="fair", weights=weights)
    assert Counter(await keys_of(conn, await claim(conn, worker, 9))) == {"a": 1, None: 1}
    assert await claim(conn, worker, 9) == []
    await named_limits.set_limit(conn, "openai", None, Rate(1, 31_536_000, 10), by=SOMEBODY)
    await conn.execute("UPDATE lapinq_limits SET tokens = -1e9, tokens_at = lapinq_now()")
    await enqueue(conn, 1, limits={"openai": 1}, queue_name="other")
    assert await claim(conn, worker, 9, "other") == []
    [limit] = await named_limits.list_limits(conn)
    assert limit.next_start_at is not None


async def test_named_limits_are_shared_by_queues_and_hold_back_only_who_takes_from_them(conn: Conn) -> None:
    worker = await add_worker(conn)
    await named_limits.set_limit(conn, "gpu", 2, None, by=SOMEBODY)
    await named_limits.set_limit(conn, "tokens", None, Rate(60, 3600, 1000), by=SOMEBODY)
    await enqueue(conn, 3, limits={"gpu": 1}, queue_name="one")
    await enqueue(conn, 3, limits={"gpu": 1, "tokens": 600}, queue_name="two")
    await enqueue(conn, 3, limits={"tokens": 300}, queue_name="two", key="a")
    await enqueue(conn, 1, queue_name="two", key="a")
    assert len(await claim(conn, worker, 1, "one")) == 1
    # One place of the GPU is left, then 400 tokens, of which one more takes 300. The last task takes from no limit.
    counts = [len(await claim(conn, worker, 10, "two")) for _ in range(2)]
    assert counts == [3, 0]
    assert await claim(conn, worker, 10, "one") == []


async def test_a_task_that_may_not_start_takes_no_units_from_those_behind_it(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "gpu", None, Rate(3, 3600, 9), by=SOMEBODY)
    await named_limits.set_limit(conn, "db", 1, None, by=SOMEBODY)
    # The second of the key may not run beside the first, or the second has no place of its other limit.
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"key": "a"}, {"key": "a", "limits": {"gpu": 2}}),
        ({"key": "a"}, {"key": "a", "limits": {"gpu": 5}}),
        ({"limits": {"db": 1}}, {"limits": {"db": 1, "gpu": 2}}),
    ]
    for ahead, waits in cases:
        queue = str(waits)
        await govern(conn, queue, max_running_per_key=1)
        await conn.execute("UPDATE lapinq_limits SET tokens = 3 WHERE name = 'gpu'")
        first = await enqueue(conn, queue_name=queue, **ahead)
        await enqueue(conn, queue_name=queue, **waits)
        behind = await enqueue(conn, queue_name=queue, limits={"gpu": 2})
        last = await enqueue(conn, queue_name=queue)
        started: list[str] = []
        while got := await claim(conn, worker, 10, queue):
            started += [held.id for held in got]
        assert started == [*first, *behind, *last], queue


async def test_expired_tasks_at_the_head_of_a_lane_hide_none_behind_them_and_keep_no_place_for_them(
    conn: Conn, worker: str
) -> None:
    await govern(conn, max_running_per_key=1)
    await enqueue(conn, 2, key="a", ttl_seconds=60)
    other = await enqueue(conn, 2, key="b")
    live = await enqueue(conn, 2, key="a")
    await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now() WHERE expires_at IS NOT NULL")
    started = [held.id for _ in range(3) for held in await claim(conn, worker, 1)]
    assert started == [other[0], live[0]]


@pytest.mark.parametrize("order", ["priority", "fair", "strict_per_key"])
async def test_a_flood_of_one_key_hides_no_other_and_is_not_read_to_find_it(conn: Conn, order: str) -> None:
    async def read_of_whole_queue() -> int:
        """How many tasks were read so far through the index of whole queues."""
        await conn.execute("SELECT pg_stat_force_next_flush()")
        return await first_value(
            conn, "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'lapinq_ready_claim'"
        )

    await configure(conn, **PLAN_SETTINGS)
    worker = await add_worker(conn)
    await govern(conn, start_order=order)
    await enqueue(conn, 2000, key="flood")
    await conn.execute("ANALYZE lapinq_ready")
    before = await read_of_whole_queue()
    for number in range(3):
        await enqueue(conn, 1, key=f"tenant {number}")
        await complete(conn, await claim(conn, worker, 5))
    assert await read_of_whole_queue() - before < 500
    await govern(conn, max_running_per_key=1)
    await enqueue(conn, 3, key="free")
    assert {"flood", "free"} <= {*await keys_of(conn, await claim(conn, worker, 50))}
    await enqueue(conn, 1, key="last")
    assert await keys_of(conn, await claim(conn, worker, 50)) == ["last"]


async def test_what_runs_of_a_key_with_other_limits_counts(conn: Conn, worker: str) -> None:
    for name in ("gpu", "api"):
        await named_limits.set_limit(conn, name, 9, None, by=SOMEBODY)
    await govern(conn, max_running_per_key=2)
    for limits in (None, {"gpu": 1}, {"api": 1}):
        await enqueue(conn, 2, key="a", limits=limits)
    first = await claim(conn, worker, 1) + await claim(conn, worker, 1)
    assert len(first) == 2
    assert await claim(conn, worker, 9) == []
    await complete(conn, first[:1])
    assert len(await claim(conn, worker, 9)) == 1


async def test_in_strict_order_a_task_past_its_time_to_live_holds_no_key(conn: Conn, worker: str) -> None:
    await govern(conn, start_order="strict_per_key")
    [first, _] = await enqueue(conn, 2, key="a", ttl_seconds=60)
    [live, _] = await enqueue(conn, 2, key="a")
    [held] = await claim(conn, worker, 1)
    assert held.id == first
    await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now() WHERE expires_at IS NOT NULL")
    await complete(conn, [held])
    assert [held.id for held in await claim(conn, worker, 1)] == [live]


async def test_many_older_tasks_of_a_key_make_no_claim_shorter(conn: Conn, worker: str) -> None:
    await govern(conn, max_running_per_key=5000)
    old = await enqueue(conn, 60, key="batch")
    for number in range(110):
        await enqueue(conn, 1, key=f"tenant {number}")
    assert [held.id for held in await claim(conn, worker, 100)][:60] == old
    assert len(await claim(conn, worker, 100)) == 70


async def test_what_must_run_alone_at_the_head_of_many_lanes_hides_nothing(conn: Conn, worker: str) -> None:
    await govern(conn, max_running_per_key=9)
    for number in range(80):
        await enqueue(conn, 2, key=f"tenant {number}")
    await conn.execute(
        "UPDATE lapinq_ready SET isolation = 2 WHERE seq IN (SELECT min(seq) FROM lapinq_ready GROUP BY lane)"
    )
    started = [held.id for _ in range(80) for held in await claim(conn, worker, 1, isolated=0)]
    assert len(set(started)) == 80
    assert await claim(conn, worker, 1, isolated=0) == []
    await conn.execute("UPDATE lapinq_lanes SET opens_at = lapinq_now() WHERE opens_at IS NOT NULL")
    assert len(await claim(conn, worker, 80)) == 80
