"""Deletes the steps of durable tasks that retention or their time to live has deleted: those statements don't touch
them, so that tasks without steps pay nothing."""

import psycopg

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import one_row
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

LIMIT = 500
"""Tasks at once."""
MOST_ROWS = 10_000
FIRST = "00000000-0000-0000-0000-000000000000"


class StepPruning:
    """Walks over all tasks that have steps, and then begins again."""

    def __init__(self) -> None:
        self._after = FIRST

    async def turn(self, conn: PooledConnection) -> float | None:
        """Looks at the next tasks. Returns 0 if there are more, None at the end."""
        _, last = await prune(conn, self._after)
        self._after = last or FIRST
        return 0.0 if last else None


async def prune(
    conn: psycopg.AsyncConnection, after: str = FIRST, limit: int = LIMIT, most_rows: int = MOST_ROWS
) -> tuple[int, str | None]:
    """Deletes steps without a task among those of the tasks that follow `after`. Returns how many, and the id after
    which to go on; None at the end."""
    params = {"after": after, "limit": limit, "most_rows": most_rows}
    deleted, looked, last = await one_row(conn, sql("prune_steps"), params, prepare=True)
    if deleted == most_rows:
        return deleted, after  # some of them may be left
    return deleted, last if looked == limit else None
