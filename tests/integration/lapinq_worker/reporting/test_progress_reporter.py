"""Progress is a courtesy: it comes before the end, and never keeps an outcome from being written."""

import psycopg
import pytest

from lapinq_worker.reporting.progress import ProgressReporter
from tests.integration.lapinq_worker.desk import Desk, at_desk, working
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, claim, enqueue
from tests.support.sample import tasks


def test_what_the_database_refuses_stops_neither_worker_nor_outcomes(database: str) -> None:
    async def test(desk: Desk) -> None:
        await desk.conn.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no progress here'; END $$"
        )
        await desk.conn.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE OF progress ON lapinq_running EXECUTE FUNCTION refuse()"
        )
        async with working(database):
            (ended,) = await desk.ended(await desk.hand_in(tasks.make_progress, 3))
            assert ended.status == "completed"
            (ended,) = await desk.ended(await desk.hand_in(tasks.aadd, 1, 2))
            assert ended.status == "completed"

    at_desk(database, test)


def test_a_flush_sends_what_waits_and_not_what_comes_meanwhile(database: str) -> None:
    async def test(conn: Conn) -> None:
        await enqueue(conn, 2)
        one, two = await claim(conn, await add_worker(conn), 2)
        reporter = ProgressReporter(None)  # pyright: ignore[reportArgumentType]  # only `run` needs the pool
        reporter.note(one, 10, None)
        reporter.note(one, 20, "latest")
        await reporter.flush(conn)
        rows = await (await conn.execute("SELECT progress, progress_message FROM lapinq_running")).fetchall()
        assert sorted(rows, key=str) == [(20, "latest"), (None, None)]
        reporter.note(one, 40, None)
        reporter.note(two, 50, None)
        async with await Conn.open(database) as broken:
            await broken.close()
            with pytest.raises(psycopg.OperationalError):
                await reporter.flush(broken)
        reporter.note(one, 30, None)
        reporter.note(two, 60, None)
        await reporter.flush(conn)
        rows = await (await conn.execute("SELECT progress FROM lapinq_running ORDER BY id")).fetchall()
        assert rows == [(30,), (60,)]

    on_connections(database, test)
