"""Weeks whose tasks are in the default partition, for nobody made theirs in time."""

import asyncio
import time

import pytest
from psycopg import sql

from lapinq_core.db.rows import all_rows
from lapinq_core.figures import alerts
from lapinq_core.upkeep.maintenance_jobs import ensure_partitions
from tests.support.rows.factories import Conn, Connections, add_worker, claim, enqueue, status
from tests.support.rows.weeks import id_of, monday

PARENTS = ("lapinq_tasks", "lapinq_attempts")


async def forget_weeks(conn: Conn) -> None:
    """This week and the next two have no partitions, and rows may move past the trigger that looks at each."""
    await conn.execute("SET session_replication_role = replica; SET statement_timeout = '5min'")
    for ago in (0, -1, -2):
        for parent in PARENTS:
            await conn.execute(
                sql.SQL("DROP TABLE {}").format(sql.Identifier(f"{parent}_{monday(ago):%Y%m%d}"))
            )


async def crowd(conn: Conn, count: int) -> None:
    """So many tasks of this week that have ended."""
    await conn.execute(
        "WITH made AS MATERIALIZED (SELECT (%(first)s::text || lpad(to_hex(n), 16, '0'))::uuid AS id"
        " FROM generate_series(1, %(count)s) n), stored AS ("
        " INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority,"
        " retry_delay, retry_backoff, created_at)"
        " SELECT id, 'old', 'add', 'm', '[]', '{}', 3, 0, 10, true, lapinq_now() FROM made)"
        " INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, finished_at)"
        " SELECT id, 1, true, 'completed', lapinq_now() FROM made",
        {"first": id_of(0).hex[:16], "count": count},
    )


async def made(conn: Conn) -> list[int]:
    """Which of this week and the next two have partitions, both of them."""
    names = {row[0] for row in await all_rows(conn, "SELECT inhrelid::regclass::text FROM pg_inherits")}
    return [n for n in range(3) if all(f"{parent}_{monday(-n):%Y%m%d}" in names for parent in PARENTS)]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(15_000, [0, 1, 2]), (20_001, [1, 2])],
)
async def test_a_week_of_which_the_default_partition_holds_much_is_left_there_and_told(
    conn: Conn, count: int, expected: list[int]
) -> None:
    await forget_weeks(conn)
    (task,) = await enqueue(conn)
    await crowd(conn, count)
    assert await ensure_partitions(conn) == 2 * len(expected)
    assert await made(conn) == expected
    missing = await alerts.missing_partition(conn)
    assert (missing is None) == (0 in expected)
    if missing is not None:
        assert missing.monday == f"{monday(0):%Y-%m-%d}"
        assert missing.default_bytes > count * 100
    (held,) = await claim(conn, await add_worker(conn))
    assert held.id == task
    # What the alert says to run in a quiet hour.
    if missing is not None and expected:
        await conn.execute("SELECT lapinq_ensure_partitions(2, false)")
        assert await made(conn) == [0, 1, 2]
        assert await alerts.missing_partition(conn) is None
        assert await status(conn, task) == "running"


@pytest.mark.slow
async def test_no_claim_waits_for_three_million_rows_in_the_default_partition(
    connections: Connections,
) -> None:
    conn, claimer = await connections(2)
    await forget_weeks(conn)
    await crowd(conn, 3_000_000)
    await enqueue(conn, 1_000)
    worker = await add_worker(conn)
    await claimer.execute("SET session_replication_role = replica")
    making = asyncio.ensure_future(ensure_partitions(conn))
    longest = 0.0
    while not making.done():
        began = time.monotonic()
        assert len(await claim(claimer, worker)) == 1
        longest = max(longest, time.monotonic() - began)
    assert longest < 1.0
    assert await making == 0
    assert await alerts.missing_partition(conn) is not None
