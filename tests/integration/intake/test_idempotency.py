"""Keys of enqueues: written with the tasks or not at all, one winner of two, in one order, for a day."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from lapinq_core.db.rows import maybe_row
from lapinq_core.domain.ids import new_id
from lapinq_core.intake.idempotency import (
    IDLE_SECONDS,
    Answered,
    Asked,
    Earlier,
    Key,
    KeyHeld,
    enqueue_once,
    forget_keys,
    store,
)
from tests.support.database.invariants import check_rows
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn, Connections, counts, new_task
from tests.support.tries import tries

ROUNDS = tries(40)


def asked(key: str | None, digest: bytes = b"one", **values: object) -> Asked:
    return Asked([new_task(id=new_id(), **values)], None if key is None else Key(key, digest))


async def test_some_are_new_and_some_were_there_and_some_are_others(conn: Conn) -> None:
    first = [asked("a"), asked(None), asked("b")]
    answers, taken = await enqueue_once(conn, first)
    assert answers == [None, None, None]
    assert taken.queues == {"default"}
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
    await check_rows(conn, stored)


async def test_what_the_database_refuses_uses_no_key(conn: Conn) -> None:
    with pytest.raises(psycopg.DataError):
        await enqueue_once(conn, [asked("a"), asked("b", metadata={"nul": "\x00"})])
    assert (await enqueue_once(conn, [asked("a"), asked("b")]))[0] == [None, None]


@pytest.mark.parametrize("commits", [True, False])
async def test_a_key_is_held_until_the_end_of_the_first_and_those_beside_it_do_not_wait(
    connections: Connections, commits: bool
) -> None:
    one, two = await connections(2)
    await one.execute("BEGIN")
    first, second = asked("k"), asked("k")
    # A transaction within that of the test, which thereby decides of both.
    assert (await enqueue_once(one, [first]))[0] == [None]
    bound = await maybe_row(one, "SHOW idle_in_transaction_session_timeout")
    assert bound == (f"{IDLE_SECONDS}s",)  # for a server that is cut off in between
    answers, _ = await enqueue_once(two, [asked(None), second, asked("free"), second])
    assert [type(answer) for answer in answers] == [type(None), KeyHeld, type(None), KeyHeld]
    assert await counts(two) == {"pending": 2}
    await one.execute("COMMIT" if commits else "ROLLBACK")
    answers, _ = await enqueue_once(two, [second])
    assert answers == [Earlier(first.ids, True) if commits else None]
    assert await counts(two) == {"pending": 3}


async def until_it_ends(conn: Conn, requests: Sequence[Asked]) -> list[Earlier | None]:
    """As who takes them in: those with a key that is held are tried again."""
    answers: dict[int, Earlier | None] = {}
    while left := [n for n in range(len(requests)) if n not in answers]:
        found, _ = await enqueue_once(conn, [requests[n] for n in left])
        answers |= {
            n: answer
            for n, answer in zip(left, found, strict=True)
            if not isinstance(answer, KeyHeld | Answered)
        }
    return [answers[n] for n in range(len(requests))]


async def test_the_same_keys_in_opposite_order_are_stored_once(connections: Connections) -> None:
    one, two = await connections(2)
    for turn in range(ROUNDS):
        keys = [f"{turn} {n}" for n in range(50)]
        forth = until_it_ends(one, [asked(key) for key in keys])
        back = until_it_ends(two, [asked(key) for key in reversed(keys)])
        first, second = await asyncio.gather(forth, back)
        assert [answer is None for answer in first] == [answer is not None for answer in reversed(second)]
    assert await counts(one) == {"pending": ROUNDS * 50}


async def test_of_two_that_take_over_an_old_key_one_wins(connections: Connections) -> None:
    one, two = await connections(2)
    for turn in range(ROUNDS):
        await enqueue_once(one, [asked(f"{turn}", b"old")])
        await one.execute("UPDATE lapinq_idempotency_keys SET created_at = created_at - interval '1 day'")
        answers = await asyncio.gather(
            until_it_ends(one, [asked(f"{turn}")]), until_it_ends(two, [asked(f"{turn}")])
        )
        found = [earlier for [earlier] in answers]
        assert sorted(earlier is None for earlier in found) == [False, True]
        assert all(earlier.is_same for earlier in found if earlier)


async def test_old_keys_are_forgotten_a_few_at_a_time_and_young_ones_kept(conn: Conn) -> None:
    await enqueue_once(conn, [asked(f"old {n}") for n in range(25)])
    await conn.execute("UPDATE lapinq_idempotency_keys SET created_at = created_at - interval '1 day'")
    await enqueue_once(conn, [asked("young")])
    assert [await forget_keys(conn, 10) for _ in range(4)] == [10, 10, 5, 0]
    assert (await enqueue_once(conn, [asked("young")]))[0] != [None]
    assert (await enqueue_once(conn, [asked("old 1")]))[0] == [None]


async def test_an_id_is_stored_once_and_those_beside_it_are_stored(conn: Conn) -> None:
    first, keyed = asked(None), asked("k")
    assert (await store(conn, [first, keyed]))[0] == [None, None]
    beside, twice = [asked(None, ttl_seconds=0), asked("other"), asked(None)], asked(None)
    answers, taken = await store(conn, [beside[0], first, keyed, twice, beside[1], twice, beside[2]])
    repeated = [Earlier(one.ids, True) for one in (first, keyed, twice)]
    assert answers == [None, repeated[0], repeated[1], None, None, repeated[2], None]
    assert taken.queues == {"default"}
    assert await counts(conn) == {"pending": 5}
    await check_rows(conn, [one.tasks[0].id for one in (first, keyed, twice, *beside[1:])])


@pytest.mark.parametrize("commits", [True, False])
async def test_an_id_that_is_being_stored_is_waited_for(connections: Connections, commits: bool) -> None:
    one, two, third = await connections(3)

    async def is_blocked() -> bool:
        cursor = await third.execute(
            "SELECT %s = ANY (pg_blocking_pids(%s))", (one.info.backend_pid, two.info.backend_pid)
        )
        return (await cursor.fetchone()) == (True,)

    await one.execute("BEGIN")
    first, beside = asked(None), asked(None)
    assert (await store(one, [first]))[0] == [None]
    repetition = asyncio.create_task(store(two, [first, beside]))
    assert await eventually_async(is_blocked)
    await one.execute("COMMIT" if commits else "ROLLBACK")
    assert (await repetition)[0] == [Earlier(first.ids, True) if commits else None, None]
    assert await counts(two) == {"pending": 2}
