"""A transaction that reaches the server in one message."""

from collections.abc import Mapping, Sequence
from typing import LiteralString

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from lapinq_core.db.pool import PinnedConnection


async def in_one_message(
    conn: PinnedConnection, statements: Sequence[LiteralString], params: Mapping[str, object]
) -> psycopg.AsyncCursor[TupleRow]:
    """Executes `statements` in a transaction; the cursor of the last one.

    The server gets the commit together with what goes before, so a process that stalls here holds no lock. Psycopg's
    `transaction` would send it after the answers.
    """
    cursor = conn.cursor()
    try:
        async with conn.pipeline():
            await conn.execute("BEGIN", prepare=True)
            for statement in statements:
                cursor = await conn.execute(statement, params if "%(" in statement else None, prepare=True)
            await conn.execute("COMMIT", prepare=True)
    except psycopg.Error:
        # After an error the server skips the rest, the commit too.
        if conn.info.transaction_status == TransactionStatus.INERROR:
            await conn.rollback()
        raise
    return cursor
