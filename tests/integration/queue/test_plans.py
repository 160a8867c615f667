"""The plans of the hot statements: which index they use and how much they touch, with tables as full as they get."""

import uuid
from typing import Any

import pytest

from lapinq_core.db.pool import configure
from lapinq_core.db.statements import sql
from lapinq_core.queue import work
from tests.support.factories import Conn, add_worker, claim, enqueue
from tests.support.running import on_connections

WAITING = 20_000


async def fill(conn: Conn) -> str:
    for _ in range(4):
        await enqueue(conn, WAITING // 8)
    for queue in ("busy", "other"):
        await enqueue(conn, WAITING // 4, queue_name=queue)
    worker = await add_worker(conn)
    await configure(conn, **work.PLAN_SETTINGS)
    await conn.execute("ANALYZE lapinq_ready, lapinq_running, lapinq_tasks, lapinq_workers")
    return worker


async def plan(conn: Conn, verb: str, params: dict[str, Any]) -> dict[str, Any]:
    statement = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql("lapinq_core.queue", verb)
    async with conn.transaction(force_rollback=True):
        row = await (await conn.execute(statement, params)).fetchone()
    assert row is not None
    return row[0][0]["Plan"]


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


def test_a_claim_scans_its_index_from_the_mark(database: str) -> None:
    async def test(conn: Conn) -> None:
        worker = await fill(conn)
        claims = await claim(conn, worker, 500)
        params = {
            "queue": "default",
            "limit": 500,
            "worker": worker,
            "token": str(uuid.uuid4()),
            "lease": 310.0,
            "mark_rank": claims[-1].rank,
            "mark_seq": claims[-1].seq,
            "max_rank": 2**40,
        }
        found = nodes(await plan(conn, "claim", params))
        (scan,) = [node for node in found if node.get("Index Name") == "lapinq_ready_claim"]
        assert "ROW(queue_name, rank, seq) >= ROW(" in scan["Index Cond"]
        assert scan["Actual Rows"] == 500
        assert scan.get("Rows Removed by Filter", 0) == 0
        (delete,) = [node for node in found if node["Node Type"] == "Tid Scan"]
        assert delete["Actual Rows"] == 500
        scans = [
            node["Relation Name"]
            for node in found
            if node["Node Type"] == "Seq Scan" and node["Actual Loops"]
        ]
        assert scans == ["lapinq_workers"] or not scans
        task_scans = [node for node in found if node.get("Index Name", "").startswith("lapinq_tasks_")]
        assert sum(node["Actual Loops"] for node in task_scans) == 500

    on_connections(database, test)


@pytest.mark.parametrize("verb", ["complete", "settle", "release"])
def test_ending_attempts_goes_by_the_primary_key(database: str, verb: str) -> None:
    async def test(conn: Conn) -> None:
        worker = await fill(conn)
        claims = await claim(conn, worker, 500)
        ids = "{" + ",".join(held.id for held in claims) + "}"
        tokens = "{" + ",".join(held.token for held in claims) + "}"
        params: dict[str, Any] = {
            "ids": ids,
            "tokens": tokens,
            "seconds": [0.1] * 500,
            "results": "[" + ",".join(['"null"'] * 500) + "]",
            "seqs": [held.seq for held in claims],
            "attempts": "["
            + ",".join(
                f'{{"id":"{held.id}","token":"{held.token}","final":true,"counts":true,"delay":0,"error":"no"}}'
                for held in claims
            )
            + "]",
        }
        found = nodes(await plan(conn, verb, params))
        (scan,) = [node for node in found if node.get("Index Name") == "lapinq_running_pkey"]
        assert scan["Index Cond"].startswith("(id = i")
        assert scan["Actual Loops"] == 500

    on_connections(database, test)


def test_discovery_looks_once_at_each_queue(database: str) -> None:
    async def test(conn: Conn) -> None:
        await fill(conn)
        found = nodes(await plan(conn, "discover", {}))
        scans = [node for node in found if node.get("Index Name") == "lapinq_ready_claim"]
        # The first queue, then a look after each of the three; rows a look are rounded before PostgreSQL 18.
        assert sorted(scan["Actual Loops"] for scan in scans) == [1, 3]
        assert all(scan["Actual Rows"] <= 1 for scan in scans)

    on_connections(database, test)


def test_promotion_and_expiry_go_by_their_indexes(database: str) -> None:
    async def test(conn: Conn) -> None:
        await fill(conn)
        names = {node.get("Index Name") for node in nodes(await plan(conn, "promote", {"limit": 500}))}
        assert "lapinq_delayed_due_at" in names
        names = {node.get("Index Name") for node in nodes(await plan(conn, "expire", {"limit": 500}))}
        assert "lapinq_ready_expires_at" in names

    on_connections(database, test)
