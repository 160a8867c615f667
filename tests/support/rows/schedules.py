"""Schedules for tests, and moving the one clock of the database on which they go."""

import asyncio
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql as psql

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.schedules.schedule import Definition
from lapinq_core.schedules import schedules
from lapinq_core.schedules.schedules import Schedule
from tests.support.rows.factories import SOMEBODY, Conn


def definition(name: str = "nightly", **values: Any) -> Definition:
    """A schedule that adds one and one, by default at each full minute."""
    defaults: dict[str, Any] = {
        "task_name": "add",
        "module_path": "tests.support.sample.tasks",
        "args": [1, 1],
    }
    if "every" not in values:
        defaults["cron"] = "* * * * *"
    return Definition(name=name, **{**defaults, **values})


async def add_schedule(conn: Conn, name: str = "nightly", **values: Any) -> Schedule:
    """One that is stored."""
    return await schedules.create(conn, definition(name, **values), by=SOMEBODY)


async def set_clock(conn: Conn, moment: str) -> None:
    """From now on the time of the database is `moment`, and stands still."""
    await conn.execute("CREATE TABLE IF NOT EXISTS lapinq_test_clock (now timestamptz)")
    await conn.execute("DELETE FROM lapinq_test_clock")
    await conn.execute("INSERT INTO lapinq_test_clock VALUES (%s)", (moment,))
    await conn.execute(
        "CREATE OR REPLACE FUNCTION lapinq_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE"
        " AS 'SELECT now FROM lapinq_test_clock'"
    )


async def ticks(conn: Conn, name: str = "nightly") -> list[tuple[str, str]]:
    """The planned instants that were dealt with, in UTC and in ascending order, with the outcome of each."""
    return await all_rows(
        conn,
        "SELECT to_char(fire_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), outcome"
        "  FROM lapinq_ticks t JOIN lapinq_schedules s ON s.id = t.schedule_id"
        " WHERE s.name = %s ORDER BY fire_at",
        (name,),
    )


async def task_ids(conn: Conn, name: str = "nightly") -> list[str]:
    """The tasks of a schedule that were ever enqueued, in the order of their planned instants."""
    found = await all_rows(
        conn,
        "SELECT id::text FROM lapinq_tasks WHERE metadata->>'schedule' = %s"
        " ORDER BY (metadata->>'planned_at')::timestamptz, id",
        (name,),
    )
    return [task_id for (task_id,) in found]


class Clock:
    """The clock of a database that runs `factor` times as fast from `start` on."""

    def __init__(self, url: str, start: datetime, factor: float) -> None:
        self._url = url
        with psycopg.connect(url) as conn:
            conn.execute(
                "CREATE TABLE lapinq_test_clock AS SELECT %s AS start, statement_timestamp() AS began",
                (start,),
            )
            conn.execute(
                psql.SQL(
                    "CREATE OR REPLACE FUNCTION lapinq_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE"
                    " AS 'SELECT start + (statement_timestamp() - began) * {} FROM lapinq_test_clock'"
                ).format(psql.Literal(factor))
            )

    def now(self) -> datetime:
        """What it shows."""
        with psycopg.connect(self._url) as conn:
            row = conn.execute("SELECT lapinq_now()").fetchone()
        assert row is not None
        return row[0]


def add_schedules(url: str, *definitions: Definition) -> None:

    async def run() -> None:
        async with await Conn.open(url) as conn:
            for one in definitions:
                await schedules.create(conn, one, by=SOMEBODY)

    asyncio.run(run())


def planned(url: str, name: str) -> list[datetime]:
    """The planned instants of a schedule's tasks, in ascending order."""
    with psycopg.connect(url) as conn:
        cursor = conn.execute(
            "SELECT (metadata->>'planned_at')::timestamptz FROM lapinq_tasks WHERE metadata->>'schedule' = %s"
            " ORDER BY 1",
            (name,),
        )
        return [at for (at,) in cursor]
