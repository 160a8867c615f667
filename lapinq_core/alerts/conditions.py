"""Conditions that last: a queue's backlog or blocked keys, a dead worker, a wait for a signal. Rules hear of each once,
and again after it has ended."""

import psycopg

from lapinq_core.alerts import outbox
from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

LASTING_SECONDS = 60.0
"""How long a wait must be over a rule's limit before it is told."""
DEAD_SECONDS = 3600.0
"""A worker that died earlier is no news."""
WAIT_SECONDS = 3600.0
"""Nor is a wait that began earlier."""
MOST_WAITS = 1000
"""The newest, which one check looks at."""
MOST_KEYS = 1000
"""Blocked keys of a queue, the oldest, which one check looks at."""


async def check(conn: psycopg.AsyncConnection, *, lasting: float = LASTING_SECONDS) -> int | None:
    """Checks all conditions and stores notices; returns how many. None if another process does it at the moment."""
    async with conn.transaction():
        if not await first_value(conn, sql("lock_conditions")):
            return None
        told = await all_rows(conn, sql("check_backlogs"), {"lasting": lasting})
        told += await all_rows(conn, sql("check_blocked_keys"), {"most": MOST_KEYS})
        told += await all_rows(conn, sql("check_dead_workers"), {"recent": DEAD_SECONDS})
        told += await all_rows(conn, sql("check_waits"), {"recent": WAIT_SECONDS, "most": MOST_WAITS})
        return await outbox.store_news(conn, [news for _, news in told], [rule for rule, _ in told])
