"""Deletes unique keys that no task holds any more. Nobody else does: the end of a task doesn't touch its key."""

import psycopg

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import one_row
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

LIMIT = 500


class UniqueKeyPruning:
    """Walks over all keys, however many are held, and then begins again."""

    def __init__(self) -> None:
        self._after = ("", "")

    async def turn(self, conn: PooledConnection) -> float | None:
        """Looks at the next keys. Returns 0 if there are more, None at the end."""
        _, last = await prune(conn, self._after)
        self._after = last or ("", "")
        return 0.0 if last else None


async def prune(
    conn: psycopg.AsyncConnection, after: tuple[str, str] = ("", ""), limit: int = LIMIT
) -> tuple[int, tuple[str, str] | None]:
    """Deletes idle keys among those that follow `after`, a queue and a key in it. Returns how many, and the last key
    that it looked at; None at the end."""
    params = {"queue": after[0], "key": after[1], "limit": limit}
    deleted, looked, queue, key = await one_row(conn, sql("prune_unique_keys"), params, prepare=True)
    return deleted, (queue, key) if looked == limit else None
