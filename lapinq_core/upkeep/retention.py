"""Deleting tasks that ended long enough ago, one batch of ids at a time. Whole weeks are dropped by `weeks`.

Each batch is bounded, and safe to delete twice and from anywhere.
"""

from contextlib import suppress

import msgspec

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks.bulk import FIRST, STEP_SETTINGS, STOPPED

sql = sql_of(__name__)

BATCH = 500
"""It takes about 15 ms, for which a single task may have to wait where cores are few."""


class DeletedBatch(msgspec.Struct, frozen=True):
    """How many tasks of a batch were deleted, and the id to continue after; None at the end."""

    deleted: int
    last: str | None


async def delete_ended(
    conn: PooledConnection, status: Status, keep: int, after: str | None = None, limit: int = BATCH
) -> DeletedBatch | None:
    """Deletes tasks that ended as `status` at least `keep` seconds ago, among the next `limit` ids after `after`.

    None when it gave way to others or took too long, and changed nothing.
    """
    params = {"status": status.value, "keep": keep, "after": after or FIRST, "limit": limit}
    with suppress(*STOPPED):
        async with conn.transaction():
            await conn.execute(STEP_SETTINGS)
            deleted, looked, last = await one_row(conn, sql("delete_ended"), params, prepare=False)
        return DeletedBatch(deleted, last if looked == limit else None)
    return None
