"""The plans of statements that go on from a place in a queue, beside thousands of dead entries.

The entries of tasks that were claimed stay in the index while somebody holds a snapshot older than the claims. A scan
that starts at the end of the queue instead of at the mark walks all of them.
"""

import uuid
from typing import Any

from lapinq_core.db.pool import PLAN_SETTINGS, configure
from lapinq_core.tasks import worker_verbs
from tests.support.database.plans import blocks, nodes, plan
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, enqueue

DEAD = 100_000
LIVE = 200
AHEAD, LIVING, BEHIND = 1, 2, 3
"""Ranks: the dead entries come before and after the live ones."""


async def add_dead(conn: Conn, rank: int, count: int) -> None:
    """Entries of queue `b` that are to die, past the trigger that looks at each."""
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            "INSERT INTO lapinq_ready (queue_name, rank, id)"
            " SELECT 'b', %s, gen_random_uuid() FROM generate_series(1, %s)",
            [rank, count],
        )


async def wear_out(conn: Conn, holder: Conn) -> int:
    """Live entries in three queues, in `b` between dead ones that a snapshot of `holder` keeps.

    Answers the seq of the first live entry of `b`.
    """
    await conn.execute("ALTER TABLE lapinq_ready SET (autovacuum_enabled = off)")
    await add_dead(conn, AHEAD, DEAD)
    for queue in ("a", "b", "c"):
        await enqueue(conn, LIVE, queue_name=queue, priority=-LIVING)
    await add_dead(conn, BEHIND, DEAD)
    await holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM lapinq_ready")
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("DELETE FROM lapinq_ready WHERE rank <> %s", [LIVING])
    cursor = await conn.execute("SELECT min(seq) FROM lapinq_ready WHERE queue_name = 'b'")
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


async def index_blocks(conn: Conn, verb: str, params: dict[str, Any]) -> int:
    """How many pages the scans of the index of claims look at."""
    found = nodes(await plan(conn, verb, params))
    scans = [node for node in found if node.get("Index Name") == "lapinq_ready_claim"]
    assert scans, verb
    return sum(blocks(scan) for scan in scans)


def test_what_goes_on_from_a_place_walks_no_dead_entries_before_or_after_it(database: str) -> None:
    async def test(conn: Conn, holder: Conn) -> None:
        first = await wear_out(conn, holder)
        await configure(conn, **PLAN_SETTINGS)
        claim: dict[str, Any] = {
            "queue": "b",
            "limit": LIVE // 2,
            "worker": await add_worker(conn),
            "token": str(uuid.uuid4()),
            "lease": 310.0,
            "margin": 10.0,
            "mark_rank": LIVING,
            "mark_seq": first,
            "max_rank": worker_verbs.HIGHEST_RANK,
            "is_locked": False,
        }
        asked: list[tuple[str, dict[str, Any]]] = [
            ("claim", claim),
            ("claim", {**claim, "mark_seq": first + LIVE - 5, "max_rank": LIVING}),
            ("heads", {"queues": ["a", "b", "c"], "ranks": [LIVING] * 3, "seqs": [0, first, 2**60]}),
            ("count_ahead", {"queue": "b", "rank": LIVING, "seq": first + LIVE // 2, "most": LIVE // 2}),
        ]
        for statistics in ("none", "ANALYZE lapinq_ready, lapinq_tasks, lapinq_workers"):
            if statistics != "none":
                await conn.execute(statistics)
            for verb, params in asked:
                assert await index_blocks(conn, verb, params) < 3 * LIVE, (verb, params, statistics)

    on_connections(database, test, 2)
