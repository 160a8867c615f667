"""Limits password guesses: counts each try before the password is checked, for all replicas together.

A login counts by its address, by name and address together, and by its name. The limit by name alone is much higher:
otherwise a stranger who knows a name could lock its owner out with a few guesses. A change of password counts by
session.
"""

from collections.abc import Sequence

import msgspec
import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

WINDOW_SECONDS = 15 * 60.0
MAX_PER_ADDRESS = 50
MAX_PER_NAME_AND_ADDRESS = 10
MAX_PER_NAME = 100
MAX_PER_SESSION = 10
PASS_LIMIT = 500


class Counter(msgspec.Struct, frozen=True):
    """A key to count tries by, and the most in one window. A success removes all tries if `forgets`, else one."""

    key: str
    most: int
    forgets: bool = False


async def count_try(conn: psycopg.AsyncConnection, counters: Sequence[Counter]) -> float | None:
    """Counts a try under each of these; returns None if it may proceed, else the seconds until the next one may.

    A refused try is not counted under the counters that follow, so that one address can't lock many people out.
    """
    for counter in counters:
        params = {"key": counter.key, "most": counter.most, "window": WINDOW_SECONDS}
        seconds = await first_value(conn, sql("count_login_try"), params)
        if seconds is not None:
            return seconds
    return None


async def succeeded(conn: psycopg.AsyncConnection, counters: Sequence[Counter]) -> None:
    """A try that was counted under these succeeded. Locks them in the order in which they were counted."""
    for counter in counters:
        verb = "forget_login_tries" if counter.forgets else "uncount_login_try"
        await conn.execute(sql(verb), {"key": counter.key})


async def prune(conn: psycopg.AsyncConnection, limit: int = PASS_LIMIT) -> int:
    """Deletes counts whose window is over; returns how many."""
    params = {"limit": limit, "window": WINDOW_SECONDS}
    return await first_value(conn, sql("prune_login_tries"), params)
