"""What KEDA asks of the database to scale workers, as it stands in deploy/k8s/components/keda."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import sql

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.decide import Fail
from lapinq_core.limits import named_limits, policies
from lapinq_core.limits.breakers import put_breaker
from lapinq_core.lookup.measure import count_startable
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep.breaker_watch import watch_breakers
from tests.integration.tasks.test_plans import crowd
from tests.support.database.plans import nodes, prepared_plan, touched
from tests.support.deployment.manifests import COMPONENTS, find
from tests.support.programs.processes import REPOSITORY
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, enqueue, pause

PAGE = Path(REPOSITORY, "docs", "operate", "kubernetes.md")
GRANT = (
    "GRANT SELECT ON lapinq_ready, lapinq_running, lapinq_transient, lapinq_counts, lapinq_queues TO keda;"
)
"""Documented since before there were policies."""
(TRIGGER,) = find("ScaledObject", "lapinq-worker", COMPONENTS)["spec"]["triggers"]
QUERY: str = TRIGGER["metadata"]["query"]


async def ask(conn: Conn) -> int:
    return await first_value(conn, QUERY.encode())


async def test_it_counts_what_runs_and_what_could_but_for_paused_queues(conn: Conn) -> None:
    assert await ask(conn) == 0
    await enqueue(conn, 5, queue_name="a")
    await enqueue(conn, 2, queue_name="b")
    await enqueue(conn, 3, queue_name="later", scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    assert await ask(conn) == 7
    await claim(conn, await add_worker(conn), 3, queue="a")
    assert await ask(conn) == 7
    await pause(conn, "a")
    assert await ask(conn) == 5, "what runs there still does"


async def test_what_a_limit_or_a_circuit_breaker_holds_back_asks_for_no_worker(
    database: str, conn: Conn
) -> None:
    """How many may start before the first claim, which the claim confirms; then none."""
    by_queue: dict[str, tuple[dict[str, Any], list[dict[str, Any]], int]] = {
        "running": ({"max_running": 2}, [{}] * 3, 2),
        "rate": ({"rate": Rate(2, 3600, 2)}, [{}] * 3, 2),
        "keys": ({"max_running_per_key": 1}, [{"key": "a"}, {"key": "a"}, {"key": "b"}], 2),
        "key rate": ({"rate_per_key": Rate(1, 3600, 1)}, [{"key": "a"}, {"key": "a"}, {"key": "b"}], 2),
        "strict": ({"order": StartOrder.STRICT_PER_KEY}, [{"key": "a"}, {"key": "a"}, {"key": "b"}], 2),
        "limits": ({}, [{"limits": {"gpu": 1}}] * 3, 1),
        "both": ({"max_running_per_key": 2}, [{"key": "a", "limits": {"disk": 1}}] * 3, 1),
    }

    async def startable(conn: Conn, queue: str) -> int:
        return await first_value(conn, "SELECT lapinq_startable(%s)", (queue,))

    worker = await add_worker(conn)
    for limit in ("gpu", "disk"):
        await named_limits.set_limit(conn, limit, 1, None, by=SOMEBODY)
    for queue, (policy, made, may_start) in by_queue.items():
        if policy:
            await policies.change(conn, queue, policy, by=SOMEBODY)
        for options in made:
            await enqueue(conn, queue_name=queue, **options)
        assert await startable(conn, queue) == may_start, queue
        assert len(await claim(conn, worker, 9, queue)) == may_start, queue
        assert await startable(conn, queue) == 0, queue
    await put_breaker(conn, "queue", "default", BreakerRule(failures_in_row=1))
    await enqueue(conn, 3)
    assert await startable(conn, "default") == 3
    [failing] = await claim(conn, worker)
    await worker_verbs.settle(conn, [ended_as(failing.id, failing.token, Fail("no"))])
    await watch_breakers(conn, "queue")
    assert await startable(conn, "default") == 0
    queues = [*by_queue, "default"]
    assert await count_startable(conn, [*queues, "without limits"]) == dict.fromkeys(queues, 0)
    assert await ask(conn) == sum(may_start for _, _, may_start in by_queue.values())


async def test_the_documented_role_may_ask_of_queues_with_a_policy_too(conn: Conn) -> None:
    assert GRANT in PAGE.read_text()

    role = sql.Identifier(f"{conn.info.dbname}_keda")
    await policies.change(conn, "mail", {"max_running": 2}, by=SOMEBODY)
    await enqueue(conn, 3, queue_name="mail")
    await conn.execute(sql.SQL("CREATE ROLE {}").format(role))
    try:
        await conn.execute(sql.SQL(GRANT.replace("keda;", "{}")).format(role))
        await conn.execute(sql.SQL("SET ROLE {}").format(role))
        assert await ask(conn) == 2
        # Neither another schema nor a temporary table takes the place of what the function reads.
        await conn.execute("CREATE TEMPORARY TABLE lapinq_queues (name text)")
        await conn.execute("SET search_path = pg_temp, public")
        assert await first_value(conn, "SELECT lapinq_startable('mail')") == 2
    finally:
        await conn.execute(sql.SQL("RESET ROLE; DROP OWNED BY {0}; DROP ROLE {0}").format(role))


async def test_a_long_queue_is_not_counted_to_its_end(conn: Conn) -> None:
    # A vacuum would let rows be counted without being read.
    await conn.execute("ALTER TABLE lapinq_ready SET (autovacuum_enabled = off)")
    await enqueue(conn, 10, queue_name="short")
    await enqueue(conn, 1, queue_name="long")
    await enqueue(conn, 1, queue_name="paused")
    await crowd(conn, "long", 8_000)
    await crowd(conn, "paused", 8_000)
    await pause(conn, "paused")
    await conn.execute("ANALYZE lapinq_ready, lapinq_counts, lapinq_queues")
    async with conn.transaction():
        assert await ask(conn) == 1010
        cursor = await conn.execute(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::integer FROM pg_stat_xact_user_tables"
            " WHERE relname LIKE 'lapinq%'"
        )
        row = await cursor.fetchone()
        assert row is not None
        assert 1010 <= row[0] < 4000


async def test_a_queue_of_many_long_lanes_is_not_counted_to_its_end(conn: Conn) -> None:
    """Neither where its tasks take from the same named limits nor where each lane has limits of its own."""
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            "WITH made AS ("
            " SELECT queue_name, n, 'k' || n || chr(31) || of_lane AS lane FROM generate_series(1, 50) AS n,"
            " LATERAL (VALUES ('alike', 'gpu'), ('apart', 'l' || n)) AS each (queue_name, of_lane)), queues AS ("
            " INSERT INTO lapinq_queues (name, is_laned) SELECT DISTINCT queue_name, true FROM made), lanes AS ("
            " INSERT INTO lapinq_lanes (queue_name, lane, names, is_open, rank, place, changed_at)"
            " SELECT queue_name, lane, split_part(lane, chr(31), 2), true, 0, n, lapinq_now() FROM made)"
            " INSERT INTO lapinq_ready (queue_name, rank, id, lane, units) SELECT queue_name, lapinq_rank(0, lane),"
            " gen_random_uuid(), lane, '{1}' FROM made, generate_series(1, 200)"
        )
    await conn.execute("ANALYZE")
    [(body,)] = await all_rows(conn, "SELECT prosrc FROM pg_proc WHERE proname = 'lapinq_startable'")
    for queue in ("alike", "apart"):
        assert await first_value(conn, "SELECT lapinq_startable(%s)", (queue,)) == 1000
        found = await prepared_plan(
            conn, body.replace("lapinq_startable.queue", "%(queue)s"), {"queue": queue}
        )
        ready = (node for node in nodes(found) if node.get("Relation Name") == "lapinq_ready")
        assert sum(node["Actual Rows"] * node["Actual Loops"] for node in ready) <= 2000, queue
        assert touched(found) <= 4000, queue
