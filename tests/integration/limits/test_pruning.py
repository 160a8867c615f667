"""Lanes and keys that nobody uses any more."""

import pytest

from lapinq_core.limits import lanes
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn


async def add_idle_lanes(conn: Conn, queue: str, count: int) -> None:
    await conn.execute("INSERT INTO lapinq_queues (name, is_laned) VALUES (%s, true)", [queue])
    await conn.execute(
        "INSERT INTO lapinq_lanes (queue_name, lane, names, is_open, rank, place, changed_at)"
        " SELECT %s, number::text, '', false, 0, 0, lapinq_now() - interval '2 hours'"
        "   FROM generate_series(1, %s) AS number",
        [queue, count],
    )


async def lanes_of(conn: Conn) -> dict[str, int]:
    cursor = await conn.execute("SELECT queue_name, count(*) FROM lapinq_lanes GROUP BY 1")
    return dict(await cursor.fetchall())


def test_all_idle_lanes_are_forgotten_in_some_rounds(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(conn: Conn) -> None:
        monkeypatch.setattr(lanes, "PRUNE_LIMIT", 10)
        await add_idle_lanes(conn, "few", 3)
        await add_idle_lanes(conn, "many", 25)
        assert [await lanes.prune(conn) for _ in range(3)] == [True, True, False]
        assert await lanes_of(conn) == {}

    on_connections(database, test)


def test_a_queue_whose_row_is_locked_keeps_nobody_from_the_others(database: str) -> None:
    async def test(conn: Conn, other: Conn) -> None:
        await add_idle_lanes(conn, "free", 2)
        await add_idle_lanes(conn, "busy", 2)
        async with other.transaction():
            await other.execute("SELECT FROM lapinq_queues WHERE name = 'busy' FOR UPDATE")
            assert not await lanes.prune(conn)
        assert await lanes_of(conn) == {"busy": 2}

    on_connections(database, test, 2)
