"""Reads the clock of a database."""

from tests.support.rows.factories import Conn


async def database_time(conn: Conn) -> float:
    """What the clock shows, in seconds since 1970."""
    row = await (await conn.execute("SELECT date_part('epoch', lapinq_now())")).fetchone()
    assert row is not None
    return row[0]
