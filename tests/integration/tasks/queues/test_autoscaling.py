"""What KEDA asks of the database to scale workers, as it stands in deploy/k8s/components/keda."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.tasks.test_plans import crowd
from tests.support.database.plans import nodes, touched
from tests.support.database.running import on_connections
from tests.support.deployment.manifests import COMPONENTS, find
from tests.support.rows.factories import Conn, add_worker, claim, enqueue, pause

(TRIGGER,) = find("ScaledObject", "lapinq-worker", COMPONENTS)["spec"]["triggers"]
QUERY: str = TRIGGER["metadata"]["query"]


async def ask(conn: Conn) -> int:
    row = await (await conn.execute(QUERY.encode())).fetchone()
    assert row is not None
    return row[0]


async def plan_of(conn: Conn) -> dict[str, Any]:
    row = await (await conn.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {QUERY}".encode())).fetchone()
    assert row is not None
    return row[0][0]["Plan"]


def test_it_counts_what_runs_and_what_could(database: str) -> None:
    async def test(conn: Conn) -> None:
        assert await ask(conn) == 0
        await enqueue(conn, 5, queue_name="a")
        await enqueue(conn, 2, queue_name="b")
        await enqueue(conn, 3, queue_name="later", scheduled_at=datetime.now(UTC) + timedelta(hours=1))
        assert await ask(conn) == 7
        await claim(conn, await add_worker(conn), 3, queue="a")
        assert await ask(conn) == 7

    on_connections(database, test)


def test_what_waits_in_a_paused_queue_asks_for_no_worker_and_what_runs_there_does(database: str) -> None:
    async def test(conn: Conn) -> None:
        await enqueue(conn, 5, queue_name="a")
        await claim(conn, await add_worker(conn), 2, queue="a")
        await pause(conn, "a")
        assert await ask(conn) == 2

    on_connections(database, test)


def test_a_long_queue_is_not_counted_to_its_end(database: str) -> None:
    async def test(conn: Conn) -> None:
        await enqueue(conn, 10, queue_name="short")
        await enqueue(conn, 1, queue_name="long")
        await enqueue(conn, 1, queue_name="paused")
        await crowd(conn, "long", 20_000)
        await crowd(conn, "paused", 20_000)
        await pause(conn, "paused")
        await conn.execute("ANALYZE lapinq_ready, lapinq_counts, lapinq_queues")
        assert await ask(conn) == 1010
        plan = await plan_of(conn)
        assert touched(plan) < 3000, plan
        scans = [node for node in nodes(plan) if node.get("Relation Name") == "lapinq_ready"]
        assert {scan.get("Index Name") for scan in scans} == {"lapinq_ready_claim"}

    on_connections(database, test)
