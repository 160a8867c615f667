"""Progress is a courtesy: it comes before the end, and never keeps an outcome from being written."""

import asyncio

import psycopg
import pytest

from lapinq_core.db.rows import all_rows
from lapinq_worker.reporting.progress import ProgressReporter
from tests.integration.lapinq_worker.desk import Desk
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Connections, add_worker, claim, enqueue
from tests.support.sample import tasks


async def test_what_the_database_refuses_stops_neither_worker_nor_outcomes(desk: Desk) -> None:
    await desk.conn.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no progress here'; END $$"
    )
    await desk.conn.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE OF progress ON lapinq_running EXECUTE FUNCTION refuse()"
    )
    async with desk.working():
        (ended,) = await desk.ended(await desk.hand_in(tasks.make_progress, 3))
        assert ended.status == "completed"
        (ended,) = await desk.ended(await desk.hand_in(tasks.aadd, 1, 2))
        assert ended.status == "completed"


async def test_a_flush_sends_what_waits_and_not_what_comes_meanwhile(connections: Connections) -> None:
    conn, broken = await connections(2)
    await enqueue(conn, 2)
    one, two = await claim(conn, await add_worker(conn), 2)
    reporter = ProgressReporter(None)  # pyright: ignore[reportArgumentType]  # only `run` needs the pool
    reporter.note(one, 10, None)
    reporter.note(one, 20, "latest")
    await reporter.flush(conn)
    rows = await all_rows(conn, "SELECT progress, progress_message FROM lapinq_running")
    assert sorted(rows, key=str) == [(20, "latest"), (None, None)]
    reporter.note(one, 40, None)
    reporter.note(two, 50, None)
    async with conn.transaction():
        await conn.execute("SELECT FROM lapinq_running FOR UPDATE")
        sending = asyncio.create_task(reporter.flush(broken))
        await eventually_async(lambda: is_held_up(conn, broken))
        reporter.note(one, 30, None)
        await conn.execute("SELECT pg_terminate_backend(%s)", [broken.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            await sending
    await reporter.flush(conn)
    assert await all_rows(conn, "SELECT progress FROM lapinq_running ORDER BY id") == [(30,), (50,)]
