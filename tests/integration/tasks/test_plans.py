"""The plans of the hot statements: which index they use and how much they touch, with tables as full as they get."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from lapinq_core.db.pool import PLAN_SETTINGS, configure
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.tasks.bulk import FIRST
from lapinq_core.tasks.claiming import LOWEST_MARK
from tests.support.database import postgres
from tests.support.database.plans import blocks, nodes, plan, scanned_whole, touched
from tests.support.database.running import on_connections
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
    async with past_the_trigger(conn):
        for _ in range(4):
            await enqueue(conn, WAITING // 8)
        for queue in ("busy", "other"):
            await enqueue(conn, WAITING // 4, queue_name=queue)
    worker = await add_worker(conn)
    await configure(conn, **PLAN_SETTINGS)
    await conn.execute("ANALYZE lapinq_ready, lapinq_running, lapinq_tasks, lapinq_workers")
    return worker


async def crowd(conn: Conn, queue: str, count: int) -> None:
    """Lets `count` tasks wait, made in the database, past the trigger that looks at each."""
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            "WITH made AS (SELECT gen_random_uuid() AS id FROM generate_series(1, %(count)s)), stored AS ("
            " INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority,"
            " retry_delay, retry_backoff, created_at)"
            " SELECT id, %(queue)s, 'add', 'm', '[]', '{}', 3, 0, 10, true, lapinq_now() FROM made)"
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


class Filled(msgspec.Struct, frozen=True):
    """The URL of a database after `fill`, and 500 tasks that its worker has claimed."""

    url: str
    worker: str
    claims: list[Claim]


@pytest.fixture(scope="module")
def filled(postgres_url: str, template_database: str) -> Iterator[Filled]:
    async def claimed(conn: Conn) -> tuple[str, list[Claim]]:
        worker = await fill(conn)
        return worker, await claim(conn, worker, 500)

    with postgres.private_database(postgres_url, template_database) as url:
        yield Filled(url, *on_connections(url, claimed))


@pytest.fixture
async def beside_it(filled: Filled) -> AsyncIterator[Conn]:
    """A connection to the filled database, with the settings of lapinq's own."""
    async with await Conn.open(filled.url) as connection:
        await configure(connection, **PLAN_SETTINGS)
        yield connection


async def test_a_claim_scans_its_index_from_the_mark(beside_it: Conn, filled: Filled) -> None:
    params = {
        "queue": "default",
        "limit": 500,
        "worker": filled.worker,
        "token": str(uuid.uuid4()),
        "lease": 310.0,
        "isolated": 1,
        "margin": 10.0,
        "mark_rank": filled.claims[-1].rank,
        "mark_seq": filled.claims[-1].seq,
        "max_rank": 2**40,
    }
    found = nodes(await plan(beside_it, "claim", params))
    (scan,) = [n for n in found if n.get("Index Name") == "lapinq_ready_claim" and n["Actual Loops"]]
    assert "ROW(rank, seq) >= ROW(" in scan["Index Cond"]
    assert scan["Actual Rows"] == 500
    assert scan.get("Rows Removed by Filter", 0) == 0
    (delete,) = [node for node in found if node["Node Type"] == "Tid Scan"]
    assert delete["Actual Rows"] == 500
    assert set(scanned_whole(found[0])) <= {"lapinq_workers", "lapinq_queues"}
    task_scans = [node for node in found if node.get("Index Name", "").startswith("lapinq_tasks_")]
    assert sum(node["Actual Loops"] for node in task_scans) == 500
    # Whether the queue is paused or has a policy is asked once, not for each row, and what runs of it not at all.
    for table, asked in (("lapinq_queues", [1]), ("lapinq_workers", [1]), ("lapinq_running", [])):
        loops = [
            n["Actual Loops"] for n in found if n.get("Relation Name") == table and "Scan" in n["Node Type"]
        ]
        assert [count for count in loops if count] == asked, table


@pytest.mark.parametrize("verb", ["complete", "settle", "release", "report_progress"])
async def test_ending_attempts_goes_by_the_primary_key(beside_it: Conn, filled: Filled, verb: str) -> None:
    claims = filled.claims
    ids = "{" + ",".join(held.id for held in claims) + "}"
    tokens = "{" + ",".join(held.token for held in claims) + "}"
    params: dict[str, Any] = {
        "ids": ids,
        "tokens": tokens,
        "seconds": [0.1] * 500,
        "results": "[" + ",".join(['"null"'] * 500) + "]",
        "logs": "[" + ",".join(['"a line"'] * 500) + "]",
        "seqs": [held.seq for held in claims],
        "percents": [50] * 500,
        "messages": [None] * 500,
        "finals": [True] * 500,
        "counts": [True] * 500,
        "cancelled": [False] * 500,
        "delays": [0.0] * 500,
        "isolations": [],
        "errors": ["no"] * 500,
        "tracebacks": ["Traceback …"] * 500,
        "rescued": False,
    }
    if verb == "settle":
        params["logs"] = ["a line"] * 500
    found = nodes(await plan(beside_it, verb, params))
    scans = [node for node in found if node.get("Index Name") == "lapinq_running_pkey"]
    # What goes over a pool locks its rows first, and then finds them again.
    assert len(scans) == (2 if verb in {"release", "report_progress"} else 1)
    for scan in scans:
        assert scan["Index Cond"].startswith(("(id = i", "(id = ANY (ARRAY["))
        assert scan["Actual Loops"] == 500
    assert scanned_whole(found[0]) == []


async def test_what_is_due_much_later_costs_a_promotion_and_a_claim_nothing(
    database: str, conn: Conn
) -> None:
    worker = await fill(conn)
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            "INSERT INTO lapinq_delayed (id, due_at, queue_name, rank) SELECT gen_random_uuid(),"
            " lapinq_now() + interval '1 year' + n * interval '1 second', 'default', 0"
            " FROM generate_series(1, 100000) n"
        )
    params = {
        "worker": worker,
        "token": str(uuid.uuid4()),
        "lease": 310.0,
        "isolated": 1,
        "margin": 10.0,
        "max_rank": 2**40,
    }
    params |= {"queue": "default", "limit": 1, "mark_rank": -(2**40), "mark_seq": 0}
    for analyzed in (False, True):
        if analyzed:
            await conn.execute("ANALYZE lapinq_delayed")
        found = await plan(conn, "promote", {"limit": 500, "since": None, "since_id": FIRST})
        assert scanned_whole(found) == []
        # Whether something is due, and when the next one will be.
        assert touched(found) <= 1
        assert blocks(found) < 20
        tables = {node.get("Relation Name") for node in nodes(await plan(conn, "claim", params))}
        assert "lapinq_delayed" not in tables


@pytest.mark.parametrize(
    ("verb", "params", "settings"),
    [
        ("promote", {"limit": 500, "since": None, "since_id": FIRST}, {}),
        ("measure_overdue", {}, {}),
        ("is_due", {"queues": None}, PLAN_SETTINGS),
        ("is_due", {"queues": ["default"]}, PLAN_SETTINGS),
    ],
)
async def test_who_looks_for_due_tasks_steps_over_overdue_parked_ones_in_an_index(
    conn: Conn, verb: str, params: dict[str, Any], settings: dict[str, str]
) -> None:
    """Although by the statistics hardly any is not parked: a prepared plan would read the whole table ever after."""
    await configure(conn, **settings)
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            "INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, parked_for, parked_seq)"
            " SELECT gen_random_uuid(), lapinq_now() - n * interval '1 ms', 'default', 0, 'add', n"
            " FROM generate_series(1, 20000) AS n ORDER BY random()"
        )
    for analyzed in (False, True):
        if analyzed:
            await conn.execute("ANALYZE lapinq_delayed")
        found = await plan(conn, verb, params)
        assert "lapinq_delayed" not in scanned_whole(found)
        assert "lapinq_delayed_due_at" in {node.get("Index Name") for node in nodes(found)}


async def test_a_crowd_that_waits_in_one_queue_costs_the_claims_of_another_nothing(
    database: str, conn: Conn
) -> None:
    worker = await fill(conn)
    params = {
        "queue": "other",
        "limit": 10,
        "worker": worker,
        "token": str(uuid.uuid4()),
        "lease": 310.0,
        "isolated": 1,
        "margin": 10.0,
        "mark_rank": LOWEST_MARK[0],
        "mark_seq": 0,
        "max_rank": 2**40,
    }
    heads = {"queues": ["busy", "other"], "ranks": [LOWEST_MARK[0]] * 2, "seqs": [0, 0]}
    alone = await plan(conn, "claim", params)
    for crowded in ("busy", "zzz"):  # before and after the other queue in the index
        await crowd(conn, crowded, 50_000)
    await conn.execute("ANALYZE lapinq_ready, lapinq_tasks")
    beside = await plan(conn, "claim", params)
    assert touched(beside) == touched(alone) < 50
    # The index may have grown by a level or two, and a row costs a descent into the tasks' index.
    assert blocks(beside) <= blocks(alone) + 10 * 2 + 10
    inside = await plan(conn, "claim", {**params, "queue": "zzz"})
    assert touched(inside) == touched(alone)
    assert touched(await plan(conn, "heads", heads)) <= 4
    assert touched(await plan(conn, "discover", {})) <= 4 + 1
