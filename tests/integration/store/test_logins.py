"""Tries to log in are counted in the database, each of them, whoever asks at the same moment."""

import asyncio

from lapinq_core.store import logins
from lapinq_core.store.logins import MOST_BY_ADDRESS, MOST_BY_NAME
from tests.support.factories import Conn
from tests.support.running import on_connections


def test_beyond_ten_by_a_name_the_rest_wait_for_the_end_of_the_window(database: str) -> None:
    async def test(conn: Conn) -> None:
        waits = [await logins.count_try(conn, "lisa", f"address {n}") for n in range(MOST_BY_NAME + 2)]
        assert waits[:MOST_BY_NAME] == [None] * MOST_BY_NAME
        assert all(wait is not None and 890 < wait <= 900 for wait in waits[MOST_BY_NAME:])
        assert await logins.count_try(conn, "bob", "address 1") is None
        await conn.execute("UPDATE lapinq_login_tries SET since = since - interval '15 minutes'")
        assert await logins.count_try(conn, "lisa", "address 1") is None

    on_connections(database, test)


def test_beyond_fifty_from_an_address_it_waits_and_locks_no_more_names(database: str) -> None:
    async def test(conn: Conn) -> None:
        for number in range(MOST_BY_ADDRESS):
            assert await logins.count_try(conn, f"name {number}", "one") is None
        for _ in range(20):
            assert await logins.count_try(conn, "victim", "one") is not None
        assert await logins.count_try(conn, "victim", "other") is None

    on_connections(database, test)


def test_guesses_at_the_same_moment_are_all_counted(database: str) -> None:
    async def test(*connections: Conn) -> None:
        async def guess(conn: Conn, address: str) -> int:
            return sum([await logins.count_try(conn, "lisa", address) is None for _ in range(5)])

        passed = await asyncio.gather(*(guess(conn, str(n)) for n, conn in enumerate(connections)))
        assert sum(passed) == MOST_BY_NAME

    on_connections(database, test, 8)


def test_a_success_takes_back_its_own_try_from_the_address_and_all_of_the_name(database: str) -> None:
    async def test(conn: Conn) -> None:
        for _ in range(MOST_BY_NAME):
            await logins.count_try(conn, "lisa", "one")
        await logins.succeeded(conn, "lisa", "one")
        rows = await (await conn.execute("SELECT key, tries FROM lapinq_login_tries")).fetchall()
        assert rows == [("one", MOST_BY_NAME - 1)]
        assert await logins.count_try(conn, "lisa", "one") is None
        await logins.succeeded(conn, "unknown", "unknown")

    on_connections(database, test)


def test_what_is_over_is_pruned_a_bounded_number_at_a_time(database: str) -> None:
    async def test(conn: Conn) -> None:
        for number in range(4):
            await logins.count_try(conn, f"name {number}", "one")
        await conn.execute(
            "UPDATE lapinq_login_tries SET since = since - interval '15 minutes' WHERE key <> 'one'"
        )
        assert [await logins.prune(conn, 3), await logins.prune(conn, 3), await logins.prune(conn, 3)] == [
            3,
            1,
            0,
        ]
        assert await logins.count_try(conn, "x", "one") is None

    on_connections(database, test)
