"""Reads the clock of a database."""

from lapinq_core.db.rows import first_value
from tests.support.rows.factories import Conn


async def database_time(conn: Conn) -> float:
    """What the clock shows, in seconds since 1970."""
    return await first_value(conn, "SELECT date_part('epoch', lapinq_now())")
