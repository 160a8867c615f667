"""Keys of enqueues: written with the tasks or not at all, one winner of two, in one order, for a day."""

import asyncio

import psycopg
import pytest

from lapinq_core.domain.ids import new_id
from lapinq_core.queue.idempotency import Asked, Earlier, Key, enqueue_once, forget_keys
from tests.integration.queue.test_plans import nodes, plan, scanned_whole, touched
from tests.support.factories import Conn, counts, new_task
from tests.support.invariants import check_invariants
from tests.support.running import on_connections

WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def asked(key: str | None, digest: bytes = b"one", **values: object) -> Asked:
    return Asked([new_task(id=new_id(), **values)], None if key is None else Key(key, digest))


async def blocked(conn: Conn) -> None:
    """Returns once somebody waits for a lock."""
    async with asyncio.timeout(10):
        while (await (await conn.execute(WAITS)).fetchone()) == (0,):  # noqa: ASYNC110  # the database sets no event
            await asyncio.sleep(0.01)


def test_some_are_new_and_some_were_there_and_some_are_others(database: str) -> None:
    async def test(conn: Conn) -> None:
        first = [asked("a"), asked(None), asked("b")]
        answers, queues = await enqueue_once(conn, first)
        assert answers == [None, None, None]
        assert queues == {"default"}
        again = [asked("b"), asked("a", b"two"), asked("c"), asked(None), asked("c"), asked("c", b"two")]
        answers, _ = await enqueue_once(conn, again)
        assert answers == [
            Earlier(first[2].ids, True),
            Earlier(first[0].ids, False),
            None,
            None,
            Earlier(again[2].ids, True),
            Earlier(again[2].ids, False),
        ]
        assert await counts(conn) == {"pending": 5}
        stored = [one.tasks[0].id for one in (*first, again[2], again[3])]
        check_invariants(database, stored)

    on_connections(database, test)


def test_what_the_database_refuses_uses_no_key(database: str) -> None:
    async def test(conn: Conn) -> None:
        with pytest.raises(psycopg.DataError):
            await enqueue_once(conn, [asked("a"), asked("b", metadata={"nul": "\x00"})])
        assert (await enqueue_once(conn, [asked("a"), asked("b")]))[0] == [None, None]

    on_connections(database, test)


@pytest.mark.parametrize("commits", [True, False])
def test_the_second_waits_for_the_end_of_the_first(database: str, commits: bool) -> None:
    async def test(one: Conn, two: Conn, watch: Conn) -> None:
        await one.execute("BEGIN")
        first, second = asked("k"), asked("k")
        # A transaction within that of the test, which thereby decides of both.
        assert (await enqueue_once(one, [first]))[0] == [None]
        waiting = asyncio.create_task(enqueue_once(two, [asked(None), second]))
        await blocked(watch)
        await one.execute("COMMIT" if commits else "ROLLBACK")
        answers, _ = await waiting
        assert answers == [None, Earlier(first.ids, True) if commits else None]
        assert await counts(watch) == {"pending": 2}

    on_connections(database, test, 3)


def test_the_same_keys_in_opposite_order_are_no_deadlock(database: str) -> None:
    async def test(one: Conn, two: Conn) -> None:
        for turn in range(30):
            keys = [f"{turn} {n}" for n in range(50)]
            forth = enqueue_once(one, [asked(key) for key in keys])
            back = enqueue_once(two, [asked(key) for key in reversed(keys)])
            (first, _), (second, _) = await asyncio.gather(forth, back)
            assert [answer is None for answer in first] == [answer is not None for answer in reversed(second)]
        assert await counts(one) == {"pending": 30 * 50}

    on_connections(database, test, 2)


def test_of_two_that_take_over_an_old_key_one_wins(database: str) -> None:
    async def test(one: Conn, two: Conn) -> None:
        for turn in range(30):
            await enqueue_once(one, [asked(f"{turn}", b"old")])
            await one.execute("UPDATE lapinq_idempotency_keys SET created_at = created_at - interval '1 day'")
            answers = await asyncio.gather(
                enqueue_once(one, [asked(f"{turn}")]), enqueue_once(two, [asked(f"{turn}")])
            )
            found = [earlier for [earlier], _ in answers]
            assert sorted(earlier is None for earlier in found) == [False, True]
            assert all(earlier.is_same for earlier in found if earlier)

    on_connections(database, test, 2)


def test_old_keys_are_forgotten_a_few_at_a_time_and_young_ones_kept(database: str) -> None:
    async def test(conn: Conn) -> None:
        await enqueue_once(conn, [asked(f"old {n}") for n in range(25)])
        await conn.execute("UPDATE lapinq_idempotency_keys SET created_at = created_at - interval '1 day'")
        await enqueue_once(conn, [asked("young")])
        assert [await forget_keys(conn, 10) for _ in range(4)] == [10, 10, 5, 0]
        assert (await enqueue_once(conn, [asked("young")]))[0] != [None]
        assert (await enqueue_once(conn, [asked("old 1")]))[0] == [None]

    on_connections(database, test)


def test_keys_are_found_and_forgotten_by_their_indexes(database: str) -> None:
    async def test(conn: Conn) -> None:
        await conn.execute(
            "INSERT INTO lapinq_idempotency_keys SELECT 'k' || n, 'd', '{}', lapinq_now() - n * interval '1 second'"
            " FROM generate_series(1, 200000) n"
        )
        await conn.execute("ANALYZE lapinq_idempotency_keys")
        found = await plan(conn, "find_keys", {"keys": [f"k{n}" for n in range(100)]})
        assert not scanned_whole(found)
        assert touched(found) <= 100
        forgotten = await plan(conn, "forget_keys", {"limit": 500})
        assert not scanned_whole(forgotten)
        assert touched(forgotten) <= 2_000
        assert "lapinq_idempotency_keys_created_at" in {node.get("Index Name") for node in nodes(forgotten)}

    on_connections(database, test)
