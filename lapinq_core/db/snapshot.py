"""One snapshot for several statements, which then agree about each row."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import psycopg


@asynccontextmanager
async def snapshot(conn: psycopg.AsyncConnection) -> AsyncGenerator[None]:
    """A read-only transaction in which all statements see the same rows. `conn` is in no transaction."""
    async with conn.transaction():
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
