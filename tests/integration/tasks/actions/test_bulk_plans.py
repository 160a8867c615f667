"""What a step of a change of many tasks touches: a batch's worth of rows, by keys, in tables however full."""

from typing import Any

import msgspec
import pytest
from psycopg import sql as psql

from lapinq_core.db.rows import maybe_row
from lapinq_core.domain.tasks.shown_state import DELAYED, ShownState
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import bulk
from lapinq_core.tasks.bulk import FIRST, STEP_SETTINGS, Walk
from lapinq_core.tasks.filters import TaskFilter, containing, pick_looked_at, these_ids, walk_ids
from tests.support.database.plans import blocks, nodes, scanned_whole, touched
from tests.support.database.statements import text_of
from tests.support.rows.factories import Conn

COUNT = 30_000
BATCH = 100
MIDDLE = "00000000-3a98-7000-8000-000000000000"

CHOSEN = [
    TaskFilter(),
    TaskFilter(queue="nothing"),
    TaskFilter(args=containing("nothing")),
    TaskFilter(result=containing("nothing")),
    *(TaskFilter(status=status) for status in Status),
    TaskFilter(status=Status.FAILED, error=containing("nothing"), queue="default"),
    TaskFilter(status=Status.COMPLETED, result=containing("nothing")),
    TaskFilter(status=Status.PENDING, task_name=containing("nothing")),
    TaskFilter(status=Status.FAILED, name="nothing", error=containing("n"), error_kind="nothing"),
    TaskFilter(status=Status.FAILED, queue="default", error_groups=[0]),
    TaskFilter(status=Status.PENDING, states=DELAYED),
    TaskFilter(status=Status.PENDING, states=frozenset({ShownState.PAUSED}), not_queues=["nothing"]),
    TaskFilter(states=frozenset({ShownState.FAILED, ShownState.EXPIRED, ShownState.RETRYING})),
    TaskFilter(worker="00000000-0000-7000-8000-000000000000"),
    TaskFilter(first="00000000-3a98-7000-8000-000000000000", last="00000000-4a98-7000-8000-000000000000"),
]


async def fill(conn: Conn) -> None:
    """As many tasks in each place, made in the database, past the trigger that looks at each."""
    async with conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            "INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority,"
            " retry_delay, retry_backoff, created_at)"
            " SELECT (lpad(to_hex(n), 12, '0') || '70008000000000000000')::uuid, 'default', 'add', 'm', '[1]', '{}', 3,"
            " 0, 10, true, lapinq_now() FROM generate_series(1, %s) n",
            (COUNT,),
        )
        await conn.execute(
            "WITH placed AS (SELECT id, row_number() OVER (ORDER BY id) % 5 AS place FROM lapinq_tasks), a AS ("
            " INSERT INTO lapinq_ready (queue_name, rank, id)"
            " SELECT 'default', 0, id FROM placed WHERE place = 0), b AS ("
            " INSERT INTO lapinq_delayed (id, due_at, queue_name, rank)"
            " SELECT id, lapinq_now(), 'default', 0 FROM placed WHERE place = 1), c AS ("
            " INSERT INTO lapinq_running (id, token, worker_id, queue_name, rank, attempt, claimed_at, deadline_at)"
            " SELECT id, id, id, 'default', 0, 1, lapinq_now(), lapinq_now() FROM placed WHERE place = 2), d AS ("
            " INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, finished_at)"
            " SELECT id, 1, false, 'failed', 'no', lapinq_now() FROM placed WHERE place > 2)"
            " INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, finished_at)"
            " SELECT id, 2, true, CASE place WHEN 3 THEN 'completed' ELSE 'failed' END, 'no', lapinq_now()"
            " FROM placed WHERE place > 2"
        )
    await conn.execute("ANALYZE")


WANTED = {"requeue_tasks": Status.FAILED, "cancel_tasks": Status.PENDING, "run_tasks": Status.PENDING}
"""The status that the tasks of a verb have, where not any will do."""


@pytest.mark.parametrize(
    "analyzed",
    [pytest.param(True, id="analyzed"), pytest.param(False, id="as if empty", marks=pytest.mark.slow)],
)
async def test_a_step_touches_a_windows_worth_of_rows_by_keys(
    database: str, conn: Conn, analyzed: bool
) -> None:
    if not analyzed:
        await conn.execute("ANALYZE")
        for table in ("tasks_default", "attempts_default", "ready", "delayed", "running"):
            await conn.execute(
                psql.SQL("ALTER TABLE {} SET (autovacuum_enabled = off)").format(
                    psql.Identifier(f"lapinq_{table}")
                )
            )
    await fill(conn)
    given = await some_ids(conn)
    for number, chosen in enumerate(CHOSEN):
        for verb in ("delete_tasks", "requeue_tasks", "cancel_tasks", "run_tasks", "count_tasks"):
            if WANTED.get(verb) not in {None, chosen.status}:
                continue
            walk = await bulk.begin(conn, chosen)
            assert walk is not None
            for ids in (None,) if number % 4 else (None, given):
                found = await plan(conn, verb, walk, ids)
                assert set(scanned_whole(found)) <= {"lapinq_queues"}, (verb, chosen)
                # A task is looked at in six tables at most, and in some twice.
                assert touched(found) <= 8 * BATCH, (verb, chosen, touched(found))
                assert blocks(found) <= 50 * BATCH, (verb, chosen, blocks(found))
                assert {n["Node Type"] for n in nodes(found)}.isdisjoint({"Hash Join", "Merge Join"}), chosen


async def some_ids(conn: Conn) -> list[str]:
    cursor = await conn.execute("SELECT id::text FROM lapinq_tasks ORDER BY id LIMIT %s", (BATCH,))
    return [row[0] for row in await cursor.fetchall()]


async def plan(conn: Conn, verb: str, walk: Walk, ids: list[str] | None) -> dict[str, Any]:
    newest_first = verb in {"cancel_tasks", "delete_tasks"}
    looked = (
        walk_ids(walk.chosen, BATCH, newest_first=newest_first) if ids is None else these_ids(walk.chosen)
    )
    statement = psql.SQL(text_of(verb)).format(looked=looked, picked=pick_looked_at(walk.chosen))
    params = {
        **msgspec.structs.asdict(walk.chosen),
        "started": walk.started,
        # In the middle, with a wide table on both sides.
        "lower": FIRST if newest_first else MIDDLE,
        "upper": MIDDLE if newest_first else walk.until,
        "ids": ids,
        "by": "lisa",
    }
    async with conn.transaction(force_rollback=True):
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(STEP_SETTINGS)
        explained = psql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}").format(statement)
        row = await maybe_row(conn, explained, params)
    assert row is not None
    return row[0][0]["Plan"]
