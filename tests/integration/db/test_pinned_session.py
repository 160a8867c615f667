"""A pinned connection that one part of a worker lends to another."""

import asyncio
from typing import Any

from lapinq_core.db.pinned_session import PinnedSession
from lapinq_core.db.rows import first_value
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn

NAME = "a session to lend"
OPEN = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{NAME}'"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


async def value(conn: Conn, query: str) -> Any:
    return await first_value(conn, query.encode())


async def test_a_session_that_is_closed_while_it_is_lent_ends_with_the_borrower(
    database: str, conn: Conn
) -> None:
    session = PinnedSession(database, NAME)
    async with session.use():
        pass

    async def borrow() -> int:
        async with session.lend(1.0) as lent:
            assert lent is not None
            return await first_value(lent, "SELECT 5, pg_advisory_xact_lock(1)")

    await conn.execute("SELECT pg_advisory_lock(1)")
    borrowing = asyncio.create_task(borrow())
    await eventually_async(lambda: value(conn, WAITING), 10)
    await session.close()
    assert await value(conn, OPEN) == 1
    await conn.execute("SELECT pg_advisory_unlock(1)")
    assert await borrowing == 5
    async with session.lend(1.0) as lent:
        assert lent is None

    async def is_closed() -> bool:
        return await value(conn, OPEN) == 0

    await eventually_async(is_closed, 10)
