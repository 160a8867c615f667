"""Vacuums the tables through which tasks pass while many do, more often than autovacuum, which comes once a minute.

At 50,000 tasks a second a minute leaves three million dead rows in each: too many for the cache, and then autovacuum
takes both cores of a small server for seconds. A vacuum every ten seconds finds its rows in the cache, and the tables
stay small. Autovacuum still does everything else: quiet tables, large ones, and all of it for a role that doesn't own
the tables.

A vacuum that removes little, because somebody holds an old snapshot, doubles the pause before the next one.
"""

from contextlib import suppress

from psycopg import errors as pg
from psycopg import sql as psql

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

VACUUM_INTERVAL_SECONDS = 10.0
MAX_PAUSE_SECONDS = 320.0
DEAD_ROWS = 100_000
MAX_BYTES = 1_000_000_000
"""A larger table would take long to read, for nothing if its rows are held."""

_VACUUM = psql.SQL("VACUUM (SKIP_LOCKED, TRUNCATE false, PROCESS_TOAST false) {}")


class Vacuuming:
    """The vacuums of one process. `turn` is for a `Loop`."""

    def __init__(self) -> None:
        self._pause = VACUUM_INTERVAL_SECONDS

    async def turn(self, conn: PooledConnection) -> float | None:
        """Vacuums what is due. Returns the pause before the next turn if this one removed little."""
        before = await self._due(conn)
        with suppress(pg.QueryCanceled):
            for table in before:
                await conn.execute(_VACUUM.format(psql.Identifier(table)))
        after = await self._due(conn) if before else {}
        in_vain = any(2 * after.get(table, 0) > dead for table, dead in before.items())
        self._pause = min(2 * self._pause, MAX_PAUSE_SECONDS) if in_vain else VACUUM_INTERVAL_SECONDS
        return self._pause if in_vain else None

    async def _due(self, conn: PooledConnection) -> dict[str, int]:
        return dict(await all_rows(conn, sql("vacuum_due"), {"dead": DEAD_ROWS, "bytes": MAX_BYTES}))
