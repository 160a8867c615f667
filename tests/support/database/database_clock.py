"""Moves the clock of a database on which programs work."""

import psycopg
from psycopg import sql as psql

from tests.support.rows.factories import Conn


def clock_moved_by(seconds: float) -> psql.Composed:
    """The statement after which every session sees the true time plus `seconds`."""
    return psql.SQL(
        "CREATE OR REPLACE FUNCTION lapinq_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE"
        " AS 'SELECT statement_timestamp() + {} * interval ''1 second'''"
    ).format(psql.Literal(seconds))


def move_clock(url: str, seconds: float) -> None:
    """Executes it."""
    with psycopg.connect(url) as conn:
        conn.execute(clock_moved_by(seconds))


async def database_time(conn: Conn) -> float:
    """What the clock shows, in seconds since 1970."""
    row = await (await conn.execute("SELECT date_part('epoch', lapinq_now())")).fetchone()
    assert row is not None
    return row[0]
