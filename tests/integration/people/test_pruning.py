"""The upkeep that every process runs takes away sessions and login tries that are over."""

import asyncio

from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import make_pool
from lapinq_core.db.rows import maybe_row
from lapinq_core.domain.accounts.account import Role
from lapinq_core.monitoring.loop_times import LoopTimes
from lapinq_core.people import logins, sessions, users
from lapinq_core.people.logins import Counter
from lapinq_core.upkeep.maintenance import run_maintenance
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn


async def test_the_chores_take_away_what_is_over_and_leave_the_rest(database: str, conn: Conn) -> None:
    await users.create(conn, "lisa", "hash", Role.USER)
    known = await users.credentials(conn, "lisa")
    assert known is not None
    await sessions.create(conn, b"old", known, address=None, user_agent=None)
    await logins.count_try(conn, [Counter("old name", 10), Counter("old address", 10)])
    await conn.execute("UPDATE lapinq_sessions SET seen_at = lapinq_now() - interval '13 hours'")
    await conn.execute("UPDATE lapinq_login_tries SET since = lapinq_now() - interval '16 minutes'")
    await sessions.create(conn, b"new", known, address=None, user_agent=None)
    await logins.count_try(conn, [Counter("new name", 10), Counter("new address", 10)])

    async def is_pruned() -> bool:
        left = await maybe_row(
            conn,
            "SELECT array(SELECT convert_from(token_hash, 'utf8') FROM lapinq_sessions),"
            " array(SELECT key FROM lapinq_login_tries ORDER BY key)",
        )
        return left == (["new"], ["new address", "new name"])

    stop = asyncio.Event()
    async with make_pool(database, "test", 4, timeout=5) as pool:
        running = asyncio.create_task(
            run_maintenance(pool, Notifier(pool), stop, LoopTimes("test"), cleanup_interval=0)
        )
        await eventually_async(is_pruned)
        stop.set()
        await running
