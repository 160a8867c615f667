"""A policy that is set while tasks wait and run."""

import asyncio
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from lapinq_core.db.rows import all_rows, one_row
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.limits import policies
from lapinq_core.limits.policies import QueuePolicy
from tests.integration.limits.test_lanes import keys_of
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import SOMEBODY, Conn, Connections, add_worker, claim, complete, enqueue


async def set_policy(conn: Conn, **changes: Any) -> None:
    await policies.change(conn, "default", changes, by=SOMEBODY)


async def policy(conn: Conn) -> QueuePolicy:
    row = await one_row(conn, "SELECT count(*) FROM lapinq_running")
    return await policies.read(conn, "default", row[0])


async def test_waiting_tasks_start_by_the_new_rules(conn: Conn, worker: str) -> None:
    await enqueue(conn, 6, key="a")
    await enqueue(conn, 2, key="b")
    await set_policy(conn, max_running_per_key=1)
    assert await keys_of(conn, await claim(conn, worker, 9)) == ["a", "b"]
    await set_policy(conn, max_running_per_key=3)
    assert sorted(await keys_of(conn, await claim(conn, worker, 9))) == ["a", "a", "b"]
    await set_policy(conn, rate_per_key=Rate(1, 3600, 1), max_running_per_key=None)
    assert await keys_of(conn, await claim(conn, worker, 9)) == ["a"]
    await set_policy(conn, rate_per_key=None, order=StartOrder.STRICT_PER_KEY)
    assert await claim(conn, worker, 9) == []
    await set_policy(conn, order=StartOrder.FAIR)
    assert await keys_of(conn, await claim(conn, worker, 9)) == ["a", "a"]


async def test_a_first_policy_waits_for_the_claims_that_may_not_know_it(connections: Connections) -> None:
    conn, other = await connections(2)
    worker = await add_worker(conn)
    await enqueue(conn, 9)
    async with other.transaction():
        assert len(await claim(other, worker, 2)) == 2
        await set_policy(conn, max_running=3)
        assert await claim(conn, worker, 9) == []
    assert len(await claim(conn, worker, 9)) == 1


async def test_a_first_policy_waits_for_claims_that_began_before_its_commit(connections: Connections) -> None:
    """One of them reads the queue before the policy is committed, and takes its task with a later number."""
    conn, other, slow = await connections(3)
    worker = await add_worker(conn)
    await enqueue(conn, 9)
    async with slow.transaction():
        await slow.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await slow.execute("SELECT FROM lapinq_queues")
        async with other.transaction():
            await other.execute("LOCK lapinq_audit")  # for which the change waits before its commit
            setting = asyncio.create_task(set_policy(conn, max_running=3))
            await eventually_async(lambda: is_held_up(other, conn))
            assert len(await claim(slow, worker, 2)) == 2
        await setting
        assert await claim(conn, worker, 9) == []
    assert len(await claim(conn, worker, 9)) == 1


async def test_a_policy_of_a_queue_that_is_governed_holds_at_once(connections: Connections) -> None:
    conn, other = await connections(2)
    worker = await add_worker(conn)
    await enqueue(conn, 5, key="a")
    assert len(await claim(conn, worker, 1)) == 1
    await conn.execute("UPDATE lapinq_lanes SET changed_at = changed_at - interval '1 minute'")
    async with other.transaction():
        await other.execute("SELECT pg_current_xact_id()")
        await set_policy(conn, max_running=3)
        assert len(await claim(conn, worker, 9)) == 2


async def test_a_change_at_the_same_time_changes_other_fields(conn: Conn) -> None:
    await set_policy(conn, max_running=3)
    await set_policy(conn, max_running_per_key=2)
    assert await policy(conn) == QueuePolicy(max_running=3, max_running_per_key=2)


async def test_the_database_knows_which_queues_are_governed_whoever_writes(conn: Conn) -> None:
    rate = '{"limit": 1, "period_seconds": 1, "burst": 1}'
    rules = {"max_running": "1", "max_running_per_key": "1", "rate": rate, "rate_per_key": rate}
    rules |= {"start_order": "fair", "is_laned": "true", "has_breaker": "true"}

    async def write(statement: LiteralString) -> set[str]:
        """The governed queues after `statement` for each rule; the queue has its name."""
        for column, value in rules.items():
            named = {
                "column": sql.Identifier(column),
                "value": sql.Literal(value),
                "name": sql.Literal(column),
            }
            await conn.execute(sql.SQL(statement).format(**named))
        return {name for (name,) in await all_rows(conn, "SELECT name FROM lapinq_queues WHERE is_governed")}

    await conn.execute("SET session_replication_role = replica")  # which switches most triggers off
    await conn.execute("INSERT INTO lapinq_queues (name, weights) VALUES ('free', '{\"a\": 2}')")
    assert await write("INSERT INTO lapinq_queues (name, {column}) VALUES ({name}, {value})") == set(rules)
    assert await write("UPDATE lapinq_queues SET {column} = DEFAULT WHERE name = {name}") == set()
    assert await write("UPDATE lapinq_queues SET {column} = {value} WHERE name = {name}") == set(rules)
    assert await write("UPDATE lapinq_queues SET is_governed = NOT is_governed WHERE name = {name}") == set(
        rules
    )


async def test_the_use_of_each_rule_is_shown(conn: Conn, worker: str) -> None:
    await enqueue(conn, 3, key="a")
    await enqueue(conn, 2, key="b")
    await set_policy(conn, rate=Rate(60, 3600, 4))
    assert (await policy(conn)).tokens == 4
    claims = await claim(conn, worker, 9)
    shown = await policy(conn)
    assert shown.running_by_key == {"a": 3, "b": 1}
    assert list(shown.running_by_key) == ["a", "b"]
    assert shown.tokens is not None
    assert shown.tokens < 1
    assert 50 < await seconds_until(conn, shown) <= 60
    await set_policy(conn, rate=None, rate_per_key=Rate(60, 7200, 1))
    await complete(conn, claims)
    assert await keys_of(conn, await claim(conn, worker, 9)) == ["b"]
    await enqueue(conn, 1, key="b")
    assert await claim(conn, worker, 9) == []
    assert 100 < await seconds_until(conn, await policy(conn)) <= 120
    await enqueue(conn, 1)
    assert (await policy(conn)).next_start_at is None


async def seconds_until(conn: psycopg.AsyncConnection, shown: QueuePolicy) -> float:
    """How long it is until the next start."""
    row = await one_row(conn, "SELECT extract(epoch FROM %s - lapinq_now())::float8", [shown.next_start_at])
    return row[0]


async def test_the_bucket_keeps_its_tokens_when_its_rate_changes(conn: Conn, worker: str) -> None:
    await enqueue(conn, 20, key="a")
    await set_policy(conn, rate=Rate(1, 3600, 10))
    assert len(await claim(conn, worker, 8)) == 8
    # What came in until now came slowly, although it may come quickly from now on.
    await conn.execute("UPDATE lapinq_queues SET tokens_at = tokens_at - interval '1 hour'")
    await set_policy(conn, rate=Rate(1000, 3600, 10))
    assert (await policy(conn)).tokens == pytest.approx(3, abs=0.5)
    await set_policy(conn, rate=Rate(1, 3600, 1))
    await set_policy(conn, rate=Rate(1, 3600, 10))
    assert len(await claim(conn, worker, 9)) == 1
