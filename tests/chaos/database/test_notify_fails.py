"""NOTIFY fails with an error that is no outage: it is a hint, so every program goes on, and polling finds the work."""

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.support.database.invariants import check_invariants, statuses
from tests.support.eventually import eventually
from tests.support.programs.processes import ApiProcess, Program, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = pytest.mark.slow

TASK = {"task_name": "aadd", "module_path": "tests.support.sample.tasks", "args": [1, 2]}


def break_notify(database: str) -> None:
    """From now on new sessions find another function before PostgreSQL's own, which raises."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(
            "CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no notices today'; END $$"
        )
        name = sql.Identifier(conn.info.dbname)
        conn.execute(sql.SQL("ALTER DATABASE {} SET search_path = public, pg_catalog").format(name))


def test_no_program_ends_when_notices_fail(database: str) -> None:
    ids = enqueue_all(database, [new_task(task_name="fail", args=["no"], max_retries=1, retry_delay=0.1)])
    break_notify(database)
    with (
        ApiProcess(database) as server,
        Program("scheduler", "--database-url", database) as scheduler,
        WorkerProcess(database, "--poll-interval", "0.2") as worker,
    ):
        programs = (server, scheduler, worker)
        for count in (1, 2, 3):
            ids.append(httpx.post(f"{server.url}/api/v1/enqueue", json=TASK).json()["task_id"])
            eventually(lambda count=count: statuses(database).get("completed") == count, 20)
        eventually(lambda: statuses(database) == {"completed": 3, "failed": 1}, 20)
        assert "no notices today" in server.output
        # The requests have a notifier of their own, and so has the maintenance; each shows it once.
        assert server.output.count("Traceback") <= 2
        for program in programs:
            assert program.process is not None
            assert program.process.poll() is None, program.output
    check_invariants(database, ids)
