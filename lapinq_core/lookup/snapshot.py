"""Several statements that see the same moment, for pages: what they show agrees."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import psycopg

from lapinq_core.lookup.backward_scan import SETTINGS


@asynccontextmanager
async def snapshot(conn: psycopg.AsyncConnection) -> AsyncGenerator[None]:
    """A read-only transaction in which all statements see the same rows. `conn` is in no transaction.

    `find_reason` may be called inside; it limits the statements after it to a second.
    """
    async with conn.transaction():
        await conn.execute(SETTINGS)
        yield
