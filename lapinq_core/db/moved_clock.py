"""Moves the clock of a test's database: the function with which every statement tells the time."""

import psycopg
from psycopg import sql


def clock_moved_by(seconds: float) -> sql.Composed:
    """The statement after which every session sees the true time plus `seconds`."""
    return sql.SQL(
        "CREATE OR REPLACE FUNCTION lapinq_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE"
        " AS 'SELECT statement_timestamp() + {} * interval ''1 second'''"
    ).format(sql.Literal(seconds))


def move_clock(url: str, seconds: float) -> None:
    """Executes it."""
    with psycopg.connect(url) as conn:
        conn.execute(clock_moved_by(seconds))
