"""Schedules for tests, and moving the one clock of the database on which they go."""

from typing import Any

from lapinq_core.domain.schedule import Definition
from lapinq_core.store import schedules
from lapinq_core.store.schedules import Schedule
from tests.support.factories import SOMEBODY, Conn


def definition(name: str = "nightly", **values: Any) -> Definition:
    """A schedule that adds one and one, by default at each full minute."""
    defaults: dict[str, Any] = {"task_name": "add", "module_path": "tests.support.tasks", "args": [1, 1]}
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
    cursor = await conn.execute(
        "SELECT to_char(fire_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), outcome"
        "  FROM lapinq_ticks t JOIN lapinq_schedules s ON s.id = t.schedule_id"
        " WHERE s.name = %s ORDER BY fire_at",
        (name,),
    )
    return [(at, outcome) for at, outcome in await cursor.fetchall()]


async def task_ids(conn: Conn, name: str = "nightly") -> list[str]:
    """The tasks of a schedule that were ever enqueued, in the order of their planned instants."""
    cursor = await conn.execute(
        "SELECT id::text FROM lapinq_tasks WHERE metadata->>'schedule' = %s"
        " ORDER BY (metadata->>'planned_at')::timestamptz, id",
        (name,),
    )
    return [task_id for (task_id,) in await cursor.fetchall()]
