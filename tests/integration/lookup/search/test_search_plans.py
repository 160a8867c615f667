"""What looking for tasks touches in a long history: a window's worth of rows by keys, whatever is asked for."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, LiteralString

import msgspec
import psycopg
import pytest
from psycopg import sql as psql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lapinq_core.db.rows import maybe_row, one_row
from lapinq_core.db.statements import sql
from lapinq_core.domain.tasks.shown_state import ShownState, states_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.search import search
from lapinq_core.lookup.search.backward_scan import SETTINGS
from lapinq_core.lookup.search.search import Search
from lapinq_core.lookup.search.search_filters import (
    ScanSource,
    first_query,
    matching_query,
    scan_query,
    source_of,
)
from lapinq_core.tasks.filters import TaskFilter, containing, in_states
from tests.bench.dashboard import seed
from tests.support.database import postgres
from tests.support.database.plans import blocks, nodes, scanned_whole, touched
from tests.support.database.statements import text_of
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn, Connections

FINISHED = 30_000
WAITING = 6_000
WINDOW = 500
PARTITIONS = 12

WORKER = "00000000-0000-0000-0000-000000000003"
NOTHING = containing("nothing")
ASKED: list[dict[str, Any]] = [
    {},
    {"queue": seed.RARE_QUEUE},
    {"queue": "queue-03"},
    {"task_name": NOTHING},
    {"args": NOTHING, "queue": "queue-03"},
    {"result": NOTHING},
    {"error": NOTHING, "task_name": containing("task")},
    {"error_kind": "x", "name": "task_07"},
    {"error_groups": [0], "name": "task_07"},
    {"worker": WORKER},
    {"worker": WORKER, "module": NOTHING},
    {"arguments": NOTHING, "queues": ["queue-03", "queue-04"]},
]
EXCLUDING: list[dict[str, Any]] = [
    {},
    {"queue": "queue-03", "not_task_names": [NOTHING]},
    {"not_errors": [NOTHING]},
    {"not_keys": ["acme%"], "not_arguments": [NOTHING], "not_results": [NOTHING], "not_error_kinds": ["x"]},
    {"keys": ["acme%"], "named_arguments": '{"order":{"like":"17","at":{"task_07":0}}}'},
]
STATES: list[set[ShownState]] = [
    {ShownState.READY},
    {ShownState.RETRYING, ShownState.PAUSED},
    {ShownState.STOPPING},
    {ShownState.FAILED, ShownState.EXPIRED, ShownState.CANCELLED},
    set(ShownState) - {ShownState.COMPLETED},
    set(ShownState) - states_of(Status.PENDING),
    set(ShownState) - {ShownState.PAUSED},
]


@pytest.fixture(scope="module")
def seeded(postgres_url: str, template_database: str) -> Iterator[str]:
    """The URL of a database with a history in it, past the trigger that looks at each move."""
    with postgres.private_database(postgres_url, template_database) as url:
        seed.seed(
            make_conninfo(url, options="-c session_replication_role=replica"),
            FINISHED,
            WAITING,
            weeks=6,
            only_tasks=True,
        )
        yield url


@pytest.fixture(scope="module", params=["analyzed", pytest.param("never analyzed", marks=pytest.mark.slow)])
def history(request: pytest.FixtureRequest, postgres_url: str, seeded: str) -> Iterator[str]:
    """The URL of a database with a history, of which the planner knows something or nothing."""
    if request.param == "analyzed":
        yield seeded
        return
    name = conninfo_to_dict(seeded)["dbname"]
    with postgres.private_database(postgres_url, str(name)) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("DELETE FROM pg_statistic WHERE starelid::regclass::text LIKE 'lapinq%'")
            conn.execute("UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname LIKE 'lapinq%'")
        yield url


@pytest.fixture
async def conn(history: str) -> AsyncIterator[Conn]:
    async with await Conn.open(history) as connection:
        await connection.execute("SET jit = off")
        yield connection


async def test_a_window_touches_its_own_rows_by_keys(conn: Conn) -> None:
    (start,) = await one(conn, "SELECT id::text FROM lapinq_tasks ORDER BY id DESC OFFSET 15000 LIMIT 1")
    for status in (None, *Status):
        # What has ended is looked for in one way.
        for asked in ASKED if status in {None, Status.PENDING, Status.RUNNING, Status.FAILED} else ASKED[:2]:
            for before in (start,) if asked else (start, None):
                chosen = TaskFilter(status=status, before=before, **asked)
                sources = {source_of(chosen), ScanSource.TASKS}
                if sources == {ScanSource.PENDING, ScanSource.TASKS} and chosen.queue == seed.RARE_QUEUE:
                    sources = {ScanSource.SMALL_QUEUE}
                for source in sources:
                    await check_window(conn, chosen, source)

    for states in STATES:
        for asked in EXCLUDING:
            chosen = in_states(TaskFilter(before=start, **asked), states)
            for source in {source_of(chosen), ScanSource.TASKS}:
                await check_window(conn, chosen, source)


async def check_window(conn: Conn, chosen: TaskFilter, source: ScanSource) -> None:
    query = psql.SQL(sql("lapinq_core.lookup.search.search", "search_window")).format(
        scanned=scan_query(chosen, source, WINDOW),
        matching=matching_query(chosen, source, 51),
        size=psql.Literal(WINDOW),
        shown=psql.Literal(51),
    )
    found = await plan(conn, query, msgspec.structs.asdict(chosen))
    why = (chosen, source)
    assert set(scanned_whole(found)) <= {"lapinq_queues"}, why
    # A task is looked at in one table or two for the window, and in up to four for what passes.
    assert touched(found) <= 6 * WINDOW + PARTITIONS, (why, touched(found))
    assert blocks(found) <= 30 * WINDOW, (why, blocks(found))
    assert {node["Node Type"] for node in nodes(found)}.isdisjoint({"Hash Join", "Merge Join"}), why


async def test_explaining_and_the_longest_running_go_by_keys(conn: Conn) -> None:
    (waiting,) = await one(conn, "SELECT id::text FROM lapinq_ready ORDER BY queue_name, seq DESC LIMIT 1")
    found = await plan(conn, statement("find_reason"), {"id": waiting})
    assert scanned_whole(found) == []
    assert touched(found) <= 5
    params = {"queue": "queue-03", "rank": 0, "seq": 2**60, "most": 101}
    found = await plan(conn, statement("count_ahead"), params)
    assert touched(found) == 101
    found = await plan(conn, statement("is_small_queue"), {"queue": "queue-03"})
    assert touched(found) <= 2001
    chosen = TaskFilter(status=Status.RUNNING, task_name=NOTHING)
    params = {**msgspec.structs.asdict(chosen), "start": None, "start_id": None}
    found = await plan(conn, first_query(chosen, 51), params)
    assert set(scanned_whole(found)) <= {"lapinq_running"}
    assert touched(found) <= 2 * seed.RUNNING
    found = await plan(conn, first_query(TaskFilter(), 51, is_due=True), params)
    assert scanned_whole(found) == []
    assert touched(found) <= 51
    cursor = await conn.execute("SELECT id::text FROM lapinq_ready ORDER BY id DESC LIMIT 50")
    found = await plan(conn, statement("first_blocks"), {"ids": [row[0] for row in await cursor.fetchall()]})
    assert set(scanned_whole(found)) <= {"lapinq_workers"}
    assert touched(found) <= 50 * 4


BURSTS: dict[Status, LiteralString] = {
    Status.PENDING: (
        "INSERT INTO lapinq_ready (queue_name, rank, id)"
        " SELECT 'queue-01', 0, ('f' || substr(gen_random_uuid()::text, 2))::uuid FROM generate_series(1, 100000);"
        " DELETE FROM lapinq_ready WHERE id >= 'f0000000-0000-0000-0000-000000000000'"
    ),
    Status.RUNNING: (
        "INSERT INTO lapinq_running (token, worker_id, queue_name, rank, attempt, claimed_at, deadline_at, id)"
        " SELECT gen_random_uuid(), gen_random_uuid(), 'queue-01', 0, 1, now(), now(),"
        " ('f' || substr(gen_random_uuid()::text, 2))::uuid FROM generate_series(1, 100000);"
        " DELETE FROM lapinq_running WHERE id >= 'f0000000-0000-0000-0000-000000000000'"
    ),
}
"""Tasks that come and go, newer than all that stay."""


@pytest.mark.parametrize(
    "status",
    [pytest.param(one, marks=pytest.mark.slow if number else ()) for number, one in enumerate(BURSTS)],
)
async def test_dead_rows_that_an_old_snapshot_keeps_do_not_stop_a_search(
    database: str, connections: Connections, status: Status
) -> None:
    conn, holder = await connections(2)
    await conn.execute("SET session_replication_role = replica")
    seed.seed(make_conninfo(database, options="-c session_replication_role=replica"), 0, 40, 40, weeks=1)
    async with holder.transaction():
        await holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        await conn.execute(BURSTS[status])
        for chosen in (Search(status=status), Search(status=status, task_name="task%")):

            async def finds(chosen: Search = chosen) -> bool:
                """In half the time that it takes to pass them all."""
                began = time.monotonic()
                assert len((await search.search(conn, chosen, 10, seconds=60.0)).tasks) == 10
                seconds = (time.monotonic() - began) / 2
                return len((await search.search(conn, chosen, 10, seconds=seconds)).tasks) == 10

            await eventually_async(finds)


def statement(verb: str) -> psql.SQL:
    return psql.SQL(text_of(verb))


async def plan(conn: Conn, query: psql.Composable, params: dict[str, Any]) -> dict[str, Any]:
    async with conn.transaction(force_rollback=True):
        await conn.execute(SETTINGS)
        explained = psql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}").format(query)
        row = await maybe_row(conn, explained, params, prepare=False)
    assert row is not None
    return row[0][0]["Plan"]


async def one(conn: Conn, query: LiteralString) -> tuple[Any, ...]:
    return await one_row(conn, query)
