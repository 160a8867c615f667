"""Tries to log in, counted before a password is looked at, by name and by address, for all replicas together."""

import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.store"

WINDOW_SECONDS = 15 * 60.0
MOST_BY_NAME = 10
MOST_BY_ADDRESS = 50
PASS_LIMIT = 500


async def count_try(conn: psycopg.AsyncConnection, name: str, address: str) -> float | None:
    """Counts a try; None when it may go on, else the seconds until one may again.

    `name` and `address` are the keys that they are counted under. A try that its address is refused for is not
    counted for the name, so that one address can't keep many people out for long.
    """
    for key, most in ((address, MOST_BY_ADDRESS), (name, MOST_BY_NAME)):
        params = {"key": key, "window": WINDOW_SECONDS}
        row = await (await conn.execute(sql(_PACKAGE, "count_login_try"), params)).fetchone()
        assert row is not None
        if row[0] > most:
            return row[1]
    return None


async def succeeded(conn: psycopg.AsyncConnection, name: str, address: str) -> None:
    """Forgets what was tried by this name, and the one try that succeeded from this address."""
    await conn.execute(sql(_PACKAGE, "uncount_login_try"), {"key": address})
    await conn.execute(sql(_PACKAGE, "forget_login_tries"), {"key": name})


async def prune(conn: psycopg.AsyncConnection, limit: int = PASS_LIMIT) -> int:
    """Deletes counts whose window is over; answers how many."""
    params = {"limit": limit, "window": WINDOW_SECONDS}
    row = await (await conn.execute(sql(_PACKAGE, "prune_login_tries"), params)).fetchone()
    return row[0] if row else 0
