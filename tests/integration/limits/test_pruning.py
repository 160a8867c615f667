"""Lanes and keys that nobody uses any more."""

import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql
from lapinq_core.limits import lanes
from lapinq_core.tasks.claim_facts import facts_of
from tests.support.rows.factories import Conn, Connections, add_worker, claim, complete, enqueue


async def add_idle_lanes(conn: Conn, queue: str, count: int) -> None:
    await conn.execute("INSERT INTO lapinq_queues (name, is_laned) VALUES (%s, true)", [queue])
    await conn.execute(
        "INSERT INTO lapinq_lanes (queue_name, lane, names, is_open, rank, place, changed_at)"
        " SELECT %s, number::text, '', false, 0, 0, lapinq_now() - interval '2 hours'"
        "   FROM generate_series(1, %s) AS number",
        [queue, count],
    )


async def lanes_of(conn: Conn) -> dict[str, int]:
    return dict(await all_rows(conn, "SELECT queue_name, count(*) FROM lapinq_lanes GROUP BY 1"))


async def test_all_idle_lanes_are_forgotten_in_some_rounds(
    conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "PRUNE_LIMIT", 10)
    await add_idle_lanes(conn, "few", 3)
    await add_idle_lanes(conn, "many", 25)
    assert [await lanes.prune(conn) for _ in range(3)] == [True, True, False]
    assert await lanes_of(conn) == {}


async def test_a_queue_whose_row_is_locked_keeps_nobody_from_the_others(connections: Connections) -> None:
    conn, other = await connections(2)
    await add_idle_lanes(conn, "free", 2)
    await add_idle_lanes(conn, "busy", 2)
    async with other.transaction():
        await other.execute("SELECT FROM lapinq_queues WHERE name = 'busy' FOR UPDATE")
        assert not await lanes.prune(conn)
    assert await lanes_of(conn) == {"busy": 2}


async def test_no_lock_is_taken_to_look_for_idle_lanes(conn: Conn) -> None:
    await add_idle_lanes(conn, "busy", 2)
    await conn.execute("UPDATE lapinq_lanes SET changed_at = lapinq_now()")
    async with conn.transaction():
        assert not await lanes.prune(conn)
        locks = await conn.execute(
            "SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'lapinq_queues'::regclass"
            " AND mode <> 'AccessShareLock'"
        )
        assert await locks.fetchall() == []


async def test_what_is_used_again_meanwhile_is_kept(conn: Conn, worker: str) -> None:
    await add_idle_lanes(conn, "busy", 2)
    await conn.execute("UPDATE lapinq_queues SET start_order = 'fair'")
    idle = {"queue": "busy", "lanes": ["1", "2"], "keys": ["1", "2"]}
    await enqueue(conn, 2, key="1", queue_name="busy")
    await claim(conn, worker, 1, "busy")
    await conn.execute(sql("lapinq_core.limits", "prune_lanes"), idle)
    rows = await all_rows(conn, "SELECT lane, (SELECT key FROM lapinq_keys) FROM lapinq_lanes")
    assert rows == [("1", "1")]


async def test_a_queue_that_has_no_lanes_any_more_is_claimed_from_without_its_lock(
    connections: Connections,
) -> None:
    conn, other = await connections(2)
    worker = await add_worker(conn)
    await enqueue(conn, 1, key="once")
    await complete(conn, await claim(conn, worker, 1))
    await claim(conn, worker, 1)
    await conn.execute("UPDATE lapinq_lanes SET changed_at = lapinq_now() - interval '2 hours'")
    await lanes.prune(conn)
    facts_of(conn).governed_until.clear()
    plain = await enqueue(conn, 1)
    async with other.transaction():
        await other.execute("SELECT FROM lapinq_queues FOR NO KEY UPDATE")
        assert [held.id for held in await claim(conn, worker, 1)] == plain
    [again] = await enqueue(conn, 1, key="once")
    assert [held.id for held in await claim(conn, worker, 1)] == [again]
