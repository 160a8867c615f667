"""Tables as full as they get, and statements that look for due tasks. Those of the hot path are in `plans`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from lapinq_core.db.pool import PLAN_SETTINGS, configure
from lapinq_core.tasks.bulk import FIRST
from tests.support.database.plans import nodes, plan, scanned_whole
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue

WAITING = 20_000


@asynccontextmanager
async def past_the_trigger(conn: Conn) -> AsyncGenerator[None]:
    """Spares thousands of tasks the trigger that checks each move; it learns where they are at the end."""
    await conn.execute("SET session_replication_role = replica")
    yield
    await conn.execute("RESET session_replication_role")
    await conn.execute(
        "INSERT INTO test_states SELECT id, status FROM lapinq_task_details"
        " ON CONFLICT (id) DO UPDATE SET status = excluded.status"
    )


async def fill(conn: Conn) -> str:
    """Lets many tasks wait in three queues. The id of a worker."""
    async with past_the_trigger(conn):
        for queue, share in (("default", 2), ("busy", 4), ("other", 4)):
            await crowd(conn, queue, WAITING // share)
    worker = await add_worker(conn)
    await configure(conn, **PLAN_SETTINGS)
    await conn.execute("ANALYZE lapinq_ready, lapinq_running, lapinq_tasks, lapinq_workers")
    return worker


async def crowd(conn: Conn, queue: str, count: int) -> None:
    """Lets `count` tasks wait, made in the database, past the trigger that looks at each."""
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            "WITH made AS (SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')"
            "  || '70008' || substr(gen_random_uuid()::text, 1, 3) || lpad(to_hex(n), 12, '0'))::uuid AS id"
            "  FROM generate_series(1, %(count)s) AS n), stored AS ("
            " INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority,"
            " retry_delay, retry_backoff, created_at)"
            " SELECT id, %(queue)s, 'add', 'm', '[]', '{}', 3, 0, 10, true, lapinq_now() FROM made), counted AS ("
            " INSERT INTO lapinq_counts (queue_name, pending) VALUES (%(queue)s, %(count)s))"
            " INSERT INTO lapinq_ready (queue_name, rank, id) SELECT %(queue)s, 0, id FROM made",
            {"queue": queue, "count": count},
        )


async def wear_out(conn: Conn) -> str:
    """A lease table that holds ten rows, and the dead rows of thousands, as between two vacuums. The worker's id."""
    # Vacuumed now and then, lapinq_ready would look empty, and cheap to read as a whole.
    for table in ("lapinq_running", "lapinq_ready"):
        await conn.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    await conn.execute("ANALYZE lapinq_running")
    worker = await add_worker(conn)
    async with past_the_trigger(conn):
        for _ in range(4):
            await enqueue(conn, 1000)
            await complete(conn, await claim(conn, worker, 1000))
        await enqueue(conn, 10)
        await claim(conn, worker, 10)
    return worker


async def test_who_looks_for_due_tasks_steps_over_overdue_parked_ones_in_an_index(conn: Conn) -> None:
    """Although by the statistics hardly any is not parked: a prepared plan would read the whole table ever after."""
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            "INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, parked_for, parked_seq)"
            " SELECT gen_random_uuid(), lapinq_now() - n * interval '1 ms', 'default', 0, 'add', n"
            " FROM generate_series(1, 20000) AS n ORDER BY random()"
        )
    asked: list[tuple[str, dict[str, Any], dict[str, str]]] = [
        ("promote", {"limit": 500, "since": None, "since_id": FIRST}, {}),
        ("measure_overdue", {}, {}),
        ("is_due", {"queues": None}, PLAN_SETTINGS),
        ("is_due", {"queues": ["default"]}, PLAN_SETTINGS),
    ]
    for analyzed in (False, True):
        if analyzed:
            await conn.execute("ANALYZE lapinq_delayed")
        for verb, params, settings in asked:
            async with conn.transaction(force_rollback=True):
                await configure(conn, **settings)
                found = await plan(conn, verb, params)
            assert "lapinq_delayed" not in scanned_whole(found), (verb, analyzed)
            indexes = {node.get("Index Name") for node in nodes(found)}
            assert "lapinq_delayed_due_at" in indexes, (verb, analyzed)
