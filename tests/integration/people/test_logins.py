"""Tries at passwords are counted in the database, each of them, whoever asks at the same moment."""

import asyncio

from lapinq_core.db.rows import all_rows
from lapinq_core.people import logins
from lapinq_core.people.logins import Counter
from tests.support.rows.factories import Conn, Connections

MAX_TRIES = 5


def counters(name: str, address: str) -> list[Counter]:
    return [Counter(address, 3 * MAX_TRIES), Counter(name, MAX_TRIES, forgets=True)]


async def test_beyond_the_most_the_rest_wait_for_the_end_of_the_window(conn: Conn) -> None:
    waits = [await logins.count_try(conn, counters("lisa", f"address {n}")) for n in range(MAX_TRIES + 2)]
    assert waits[:MAX_TRIES] == [None] * MAX_TRIES
    assert all(wait is not None and 890 < wait <= 900 for wait in waits[MAX_TRIES:])
    assert await logins.count_try(conn, counters("bob", "address 1")) is None
    await conn.execute("UPDATE lapinq_login_tries SET since = since - interval '15 minutes'")
    assert await logins.count_try(conn, counters("lisa", "address 1")) is None


async def test_what_is_refused_is_neither_written_nor_counted_under_what_follows(conn: Conn) -> None:
    for number in range(3 * MAX_TRIES):
        assert await logins.count_try(conn, counters(f"name {number}", "one")) is None
    before = await all_rows(conn, "SELECT xmin, ctid FROM lapinq_login_tries")
    for _ in range(2 * MAX_TRIES):
        assert await logins.count_try(conn, counters("victim", "one")) is not None
    assert await all_rows(conn, "SELECT xmin, ctid FROM lapinq_login_tries") == before
    assert await logins.count_try(conn, counters("victim", "other")) is None


async def test_guesses_at_the_same_moment_are_all_counted(connections: Connections) -> None:

    async def guess(conn: Conn, address: str) -> int:
        return sum([await logins.count_try(conn, counters("lisa", address)) is None for _ in range(5)])

    passed = await asyncio.gather(*(guess(conn, str(n)) for n, conn in enumerate(await connections(8))))
    assert sum(passed) == MAX_TRIES


async def test_a_success_takes_back_its_own_try_or_all_that_it_forgets(conn: Conn) -> None:
    for _ in range(MAX_TRIES):
        await logins.count_try(conn, counters("lisa", "one"))
    await logins.succeeded(conn, counters("lisa", "one"))
    assert await all_rows(conn, "SELECT key, tries FROM lapinq_login_tries") == [("one", MAX_TRIES - 1)]
    assert await logins.count_try(conn, counters("lisa", "one")) is None
    await logins.succeeded(conn, counters("unknown", "unknown"))


async def test_a_name_that_the_release_before_counted_far_beyond_its_limit_is_free_after_the_window(
    conn: Conn,
) -> None:
    await conn.execute(
        "INSERT INTO lapinq_login_tries (key, since, tries) VALUES ('lisa', lapinq_now(), 1000000)"
    )
    assert await logins.count_try(conn, counters("lisa", "one")) is not None
    await conn.execute("UPDATE lapinq_login_tries SET since = since - interval '15 minutes'")
    assert await logins.count_try(conn, counters("lisa", "one")) is None


async def test_what_is_over_is_pruned_a_bounded_number_at_a_time(conn: Conn) -> None:
    for number in range(4):
        await logins.count_try(conn, counters(f"name {number}", "one"))
    await conn.execute(
        "UPDATE lapinq_login_tries SET since = since - interval '15 minutes' WHERE key <> 'one'"
    )
    assert [await logins.prune(conn, 3), await logins.prune(conn, 3), await logins.prune(conn, 3)] == [
        3,
        1,
        0,
    ]
    assert await logins.count_try(conn, counters("x", "one")) is None
