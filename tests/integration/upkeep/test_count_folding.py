"""The counts stay small however fast their deltas come, and the rows of idle queues stay as they are."""

import pytest

from lapinq_core.db.rows import one_row
from lapinq_core.upkeep import count_folding
from lapinq_core.upkeep.count_folding import FOLD_INTERVAL_SECONDS, CountFolding
from tests.support.rows.factories import Conn

BUSY_QUEUES = 30


async def add_deltas(conn: Conn, deltas: int) -> None:
    await conn.execute(
        "INSERT INTO lapinq_counts (queue_name, pending, completed)"
        " SELECT 'busy ' || n %% %s, 2, -1 FROM generate_series(1, %s) AS n",
        (BUSY_QUEUES, deltas),
    )


async def rows_and_sums(conn: Conn) -> tuple[int, int, int]:
    return await one_row(
        conn, "SELECT count(*), sum(pending)::bigint, sum(completed)::bigint FROM lapinq_counts"
    )


async def test_a_turn_folds_all_there_is_unless_it_has_no_time(
    database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count_folding, "LOOK_LIMIT", 1000)
    monkeypatch.setattr(count_folding, "TURN_SECONDS", 600.0)  # however busy the machine is
    await add_deltas(conn, 2500)
    assert await CountFolding().turn(conn) >= FOLD_INTERVAL_SECONDS
    assert await rows_and_sums(conn) == (BUSY_QUEUES, 5000, -2500)

    monkeypatch.setattr(count_folding, "TURN_SECONDS", 0.0)
    await add_deltas(conn, 2500 - BUSY_QUEUES)
    folding = CountFolding()
    assert await folding.turn(conn) == 0.0
    rows, *sums = await rows_and_sums(conn)
    assert (rows, sums) == (1500 + BUSY_QUEUES, [9940, -4970])
    assert await folding.turn(conn) == 0.0
    assert await folding.turn(conn) >= FOLD_INTERVAL_SECONDS
    assert await rows_and_sums(conn) == (BUSY_QUEUES, 9940, -4970)


async def test_the_row_of_an_idle_queue_is_not_written_again(database: str, conn: Conn) -> None:
    async def idle(conn: Conn) -> list[tuple[str, str]]:
        cursor = await conn.execute(
            "SELECT ctid::text, xmin::text FROM lapinq_counts WHERE queue_name LIKE 'idle%' ORDER BY queue_name"
        )
        return await cursor.fetchall()

    await conn.execute(
        "INSERT INTO lapinq_counts (queue_name, completed)"
        " SELECT 'idle ' || n, 1 FROM generate_series(1, 150) AS n"
    )
    await add_deltas(conn, 300)
    before = await idle(conn)
    await CountFolding().turn(conn)
    assert await rows_and_sums(conn) == (150 + BUSY_QUEUES, 600, -150)
    assert await idle(conn) == before
