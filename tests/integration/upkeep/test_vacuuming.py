"""The tables through which tasks pass are vacuumed while many do, and seldom while somebody's snapshot prevents it."""

import pytest

from lapinq_core.upkeep import vacuuming
from lapinq_core.upkeep.vacuuming import VACUUM_INTERVAL_SECONDS, Vacuuming
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn, Connections, add_worker, claim, complete, enqueue

TASKS = 40


async def run_tasks(conn: Conn) -> None:
    await enqueue(conn, TASKS)
    await complete(conn, await claim(conn, await add_worker(conn), TASKS))
    await conn.execute("SELECT pg_stat_force_next_flush()")


async def dead(conn: Conn) -> dict[str, int]:
    cursor = await conn.execute(
        "SELECT relname, n_dead_tup FROM pg_stat_user_tables WHERE relname IN ('lapinq_ready', 'lapinq_running')"
    )
    return dict(await cursor.fetchall())


async def have_dead_rows(conn: Conn, rows: int) -> None:
    async def is_known() -> bool:
        return await dead(conn) == {"lapinq_ready": rows, "lapinq_running": rows}

    await eventually_async(is_known)


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vacuuming, "DEAD_ROWS", TASKS)


async def test_a_table_with_many_dead_rows_is_vacuumed_unless_it_is_large(
    database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_tasks(conn)
    await have_dead_rows(conn, TASKS)
    with monkeypatch.context() as patched:
        patched.setattr(vacuuming, "MAX_BYTES", 0)
        await Vacuuming().turn(conn)
    await have_dead_rows(conn, TASKS)
    assert await Vacuuming().turn(conn) is None
    await have_dead_rows(conn, 0)


async def test_the_pause_doubles_while_a_snapshot_keeps_the_rows(connections: Connections) -> None:
    holding, conn = await connections(2)
    vacuums = Vacuuming()
    async with holding.transaction():
        await holding.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await holding.execute("SELECT FROM lapinq_queues")
        await run_tasks(conn)
        await have_dead_rows(conn, TASKS)
        pauses = [await vacuums.turn(conn) for _ in range(2)]
    assert pauses == [2 * VACUUM_INTERVAL_SECONDS, 4 * VACUUM_INTERVAL_SECONDS]
    await have_dead_rows(conn, TASKS)
    assert await vacuums.turn(conn) is None
    await have_dead_rows(conn, 0)
