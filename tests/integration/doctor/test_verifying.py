"""What `lapinq doctor --verify` says of lanes, keys and limits that are as they should be, and of others."""

import json

import pytest

from lapinq_core.doctor.finding import Severity
from lapinq_core.doctor.verifying import verify
from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.integration.limits.test_lanes import govern
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue

UNIQUE = "SELECT lapinq_enqueue(%s::jsonb)"


async def prepare(conn: Conn) -> None:
    """Tasks of several keys and a limit that wait and run, after claims, ends and a release."""
    worker = await add_worker(conn)
    await conn.execute(
        "INSERT INTO lapinq_limits (name, max_running, created_at) VALUES ('gpu', 2, lapinq_now())"
    )
    for key in "abc":
        await enqueue(conn, 4, key=key)
        await enqueue(conn, 2, key=key, limits={"gpu": 1}, priority=3)
    await govern(conn, max_running_per_key=2)
    for rule in ('"unique": {"key": "once"}', '"debounce": {"key": "late", "delay": 60}'):
        await conn.execute(
            UNIQUE, [f'{{"task_name": "noop", "module_path": "m", "queue_name": "u", {rule}}}']
        )
    claims = await claim(conn, worker, 5)
    await complete(conn, claims[:1])
    await worker_verbs.release(conn, claims[1:2])
    await claim(conn, worker, 10)
    await claim(conn, worker, 10)


async def wrong(conn: Conn) -> dict[str, list[str]]:
    found = await verify(conn)
    return {
        name: [one.message for one in findings]
        for name, findings in found.items()
        if findings[0].severity is not Severity.OK
    }


@pytest.mark.parametrize("order", ["priority", "fair", "strict_per_key"])
async def test_all_agrees_after_each_step(database: str, conn: Conn, order: str) -> None:
    worker = await add_worker(conn)
    assert await wrong(conn) == {}
    for key in "ab":
        await enqueue(conn, 3, key=key)
    assert await wrong(conn) == {}
    await govern(
        conn,
        max_running_per_key=1,
        start_order=order,
        rate_per_key='{"limit": 1, "period_seconds": 3600, "burst": 3}',
    )
    for _ in range(3):
        claims = await claim(conn, worker, 10)
        assert len(claims) == 2
        assert await wrong(conn) == {}
        assert await claim(conn, worker, 10) == []
        assert await wrong(conn) == {}
        await complete(conn, claims)
        assert await wrong(conn) == {}
    assert await claim(conn, worker, 10) == []
    assert await wrong(conn) == {}


async def test_a_unique_key_agrees_while_its_task_waits_runs_and_is_retried_or_gone(
    database: str, conn: Conn
) -> None:
    worker = await add_worker(conn)
    for until in ("finished", "started", 60):
        task = {"task_name": "noop", "module_path": "m", "unique": {"key": f"{until}", "until": until}}
        for _ in range(2):
            await conn.execute(UNIQUE, [json.dumps(task)])
    assert await wrong(conn) == {}
    claims = await claim(conn, worker, 10)
    assert len(claims) == 3
    assert await wrong(conn) == {}
    retry = Retry(60.0, "no", None)
    await worker_verbs.settle(conn, [ended_as(one.id, one.token, retry) for one in claims])
    assert await wrong(conn) == {}
    await conn.execute("UPDATE lapinq_delayed SET expires_at = lapinq_now()")
    assert await wrong(conn) == {}


BROKEN = [
    ("lanes_of_tasks", "UPDATE lapinq_ready SET lane = 'x' WHERE lane = 'a'", "with another lane"),
    ("lanes_of_tasks", "UPDATE lapinq_running SET units = '{7}' WHERE units IS NOT NULL", "running, default"),
    ("lanes", "UPDATE lapinq_queues SET is_laned = false", "does not know that it has lanes"),
    ("lanes", "DELETE FROM lapinq_lanes WHERE lane = 'a'", "1 lane hold tasks and have no row"),
    ("lanes", "UPDATE lapinq_lanes SET names = 'cpu' WHERE names > ''", "(gpu)"),
    (
        "lanes",
        "DELETE FROM lapinq_running; UPDATE lapinq_lanes SET is_open = false, opens_at = NULL",
        "although their first task may start",
    ),
    ("lanes", "UPDATE lapinq_lanes SET rank = rank + 1, is_open = true", "behind their first task"),
    ("running", "UPDATE lapinq_queues SET max_running = 1", "tasks of the queue default run, and 1 may"),
    ("running", "UPDATE lapinq_queues SET max_running_per_key = 1", "of the key default: a run, and 1 may"),
    ("running", "UPDATE lapinq_limits SET max_running = 1", "2 tasks of the limit gpu run, and 1 may"),
    (
        "keys",
        "INSERT INTO lapinq_limit_news (limit_name) VALUES ('gone')",
        "units to give back to them: gone",
    ),
    (
        "keys",
        "INSERT INTO lapinq_keys (queue_name, key, holder, changed_at)"
        " SELECT 'default', 'b', id, lapinq_now() FROM lapinq_tasks WHERE key = 'a' LIMIT 1",
        "started last: default: b",
    ),
    ("unique_keys", "DELETE FROM lapinq_unique_keys", "2 unique keys are held by a task"),
    (
        "unique_keys",
        "UPDATE lapinq_unique_keys SET task_id = gen_random_uuid() WHERE key = 'late'",
        "a second task can be stored: u: late",
    ),
    (
        "unique_keys",
        "UPDATE lapinq_unique_keys SET until = 'started' WHERE key = 'once'",
        "another time than their task says: u: once",
    ),
    (
        "unique_keys",
        "INSERT INTO lapinq_unique_keys (queue_name, key, task_id, until, taken_at)"
        " SELECT 'default', 'x', id, 'finished', lapinq_now() FROM lapinq_tasks WHERE key = 'a' LIMIT 1",
        "of another queue or unique key: default: x",
    ),
    (
        "breakers_noted",
        "INSERT INTO lapinq_circuit_breaker_starts"
        " SELECT 'task', 'send', 1, id, lapinq_now() FROM lapinq_tasks LIMIT 1",
        "note attempts without a circuit breaker: task send",
    ),
    (
        "breakers_noted",
        "UPDATE lapinq_queues SET has_breaker = true",
        "do not know whether they have a circuit breaker: default",
    ),
    (
        "breakers_noted",
        "INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, parked_for, parked_seq)"
        " SELECT id, 'epoch', queue_name, 0, 'send', 1 FROM lapinq_tasks LIMIT 1",
        "parked tasks and no circuit breaker: send",
    ),
    (
        "steps",
        "INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts)"
        " SELECT id, lapinq_until_woken(), queue_name, 0, 0 FROM lapinq_tasks ORDER BY id LIMIT 1;"
        " INSERT INTO lapinq_steps (task_id, name, occurrence, kind, names, started_at, attempt, claim_seq)"
        " SELECT id, kind, 0, kind, '{yes}', lapinq_now(), attempt, 1"
        " FROM (VALUES ('signal', 1), ('sent', 0)) AS v (kind, attempt),"
        " (SELECT id FROM lapinq_tasks ORDER BY id LIMIT 1) AS t;"
        " UPDATE lapinq_steps SET name = 'yes' WHERE kind = 'sent'",
        "1 task are suspended, and have what they wait for",
    ),
    (
        "steps",
        "INSERT INTO lapinq_steps (task_id, name, occurrence, kind, started_at, attempt)"
        " VALUES (gen_random_uuid(), 'x', 0, 'sent', lapinq_now(), 0)",
        "1 deleted task still have steps",
    ),
]
TABLES = [
    f"lapinq_{name}"
    for name in (
        *("ready", "delayed", "running", "lanes", "queues", "limits", "limit_news", "keys", "unique_keys"),
        *("circuit_breaker_starts", "steps"),
    )
]


async def test_it_finds_what_differs(database: str, conn: Conn) -> None:
    await prepare(conn)
    assert await wrong(conn) == {}
    await conn.execute("SET session_replication_role = replica")
    for table in TABLES:
        await conn.execute(f"CREATE TABLE kept_{table} AS TABLE {table}".encode())
    for check, breaking, words in BROKEN:
        await conn.execute(breaking.encode())
        found = await wrong(conn)
        assert [one for one in found.get(check, []) if words in one], (breaking, found)
        for table in TABLES:
            put_back = f"DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE kept_{table}"
            await conn.execute(put_back.encode())
    assert await wrong(conn) == {}


async def test_lanes_behind_a_head_that_waits_for_a_rate_are_closed_rightly(
    database: str, conn: Conn
) -> None:
    worker = await add_worker(conn)
    await conn.execute(
        "INSERT INTO lapinq_limits (name, max_running, created_at) VALUES ('gpu', 2, lapinq_now())"
    )
    await enqueue(conn, 2, key="a", limits={"gpu": 1})
    await enqueue(conn, 1, key="a")
    await govern(
        conn, start_order="strict_per_key", rate_per_key='{"limit": 1, "period_seconds": 3600, "burst": 1}'
    )
    await complete(conn, await claim(conn, worker, 1))
    assert await claim(conn, worker, 1) == []
    assert await wrong(conn) == {}
