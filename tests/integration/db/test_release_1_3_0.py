"""A database that lapinq 1.3.0 made: programs say what to do, and the way over that the documentation shows works."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

from lapinq import TaskQueue
from lapinq.errors import LapinqError
from lapinq.server import create_app
from lapinq.testing import Database, DatabaseWorker
from tests.support.database.invariants import statuses
from tests.support.database.postgres import private_database
from tests.support.http.serving import serving
from tests.support.programs.command_line import lapinq
from tests.support.programs.processes import REPOSITORY

TABLES = (REPOSITORY / "tests/support/database/release_1_3_0.sql").read_text()
PAGE = (REPOSITORY / "docs/operate/upgrading.md").read_text()
TOLD = "this database has the tables of lapinq 1.3.0"
COMMANDS = (
    "migrate", "task list", "task enqueue math:sqrt 4", "queue list", "schedule list", "user list",
    "user password lapinq --password-stdin", "worker list", "top", "worker", "worker --drain", "scheduler",
)  # fmt: skip


@pytest.fixture(scope="module")
def old(postgres_url: str) -> Iterator[str]:
    with private_database(postgres_url) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(TABLES)  # pyright: ignore[reportArgumentType, reportCallIssue]
        yield url


def test_every_program_says_in_a_sentence_what_to_do(old: str) -> None:
    for command in COMMANDS:
        done = lapinq(old, *shlex.split(command), stdin="correct horse\n")
        errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
        assert (done.exit_code, len(errors)) == (1, 1), (command, done.output)
        assert errors[0].startswith(f"Error: {TOLD}"), command
        assert "options=-csearch_path" in errors[0]
        assert "Traceback" not in done.output
    with serving(create_app(old, "key", worker=True)) as api:
        answer = api.get("/api/v1/queues", headers={"X-API-Key": "key"})
        assert (answer.status_code, answer.json()["error"].startswith(TOLD)) == (503, True)
    doctor = lapinq(old, "doctor")
    assert TOLD in doctor.stdout
    with pytest.raises(LapinqError):
        TaskQueue(old).task(abs).queue(1)
    with psycopg.connect(old) as conn:
        assert conn.execute("SELECT count(*) FROM lapinq_schema_version").fetchone() == (6,)


def add(conn: psycopg.Connection, **values: Any) -> None:
    row = {"queue_name": "default", "task_name": "add", "module_path": "tests.support.sample.tasks", **values}
    names = sql.SQL(", ").join(map(sql.Identifier, row))
    marks = sql.SQL(", ").join(sql.SQL("%s") for _ in row)
    conn.execute(
        sql.SQL("INSERT INTO lapinq_tasks ({}) VALUES ({})").format(names, marks), list(row.values())
    )


def test_both_run_side_by_side_and_waiting_tasks_move_over(old: str) -> None:
    [script] = re.findall(r"```sql\n(WITH moved.*?)```", PAGE, re.DOTALL)
    now = datetime.now(UTC)
    later = now + timedelta(hours=1)
    with psycopg.connect(old, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA lapinq2")
        add(conn, args="[1, 2]", queue_name="mail", priority=3, metadata='{"a": null}')
        add(conn, args="[]", kwargs='{"a": 3, "b": 4}', attempts=1, max_retries=3, retry_delay=7)
        add(conn, args="[5, 6]", scheduled_at=later, ttl_seconds=7200, retry_backoff=False)
        add(conn, args="[7, 8]", ttl_seconds=60, created_at=now - timedelta(hours=1))  # too late
        for status in ("running", "completed", "failed"):
            add(conn, args="[9, 9]", status=status)
    beside = f"{old}&options=-csearch_path%3Dlapinq2"
    assert lapinq(beside, "migrate").exit_code == 0
    with psycopg.connect(beside, autocommit=True) as conn:
        assert [conn.execute(script).fetchone() for _ in range(2)] == [(3,), (0,)]  # pyright: ignore[reportArgumentType, reportCallIssue]
        moved = conn.execute(
            "SELECT args::text, kwargs::text, queue_name, priority, metadata::text, max_retries, retry_delay,"
            " retry_backoff, scheduled_at FROM lapinq_tasks ORDER BY id"
        ).fetchall()
        assert {row[2:6] for row in moved} >= {("mail", 3, '{"a": null}', 3), ("default", 0, "{}", 2)}
        assert {row[6:] for row in moved} >= {(7.0, True, None), (10.0, False, later)}
    DatabaseWorker(Database(beside)).drain()
    assert statuses(beside) == {"completed": 2, "pending": 1}
    with psycopg.connect(old) as conn:
        left = conn.execute("SELECT status, count(*) FROM lapinq_tasks GROUP BY 1").fetchall()
    assert dict(left) == {"cancelled": 3, "pending": 1, "running": 1, "completed": 1, "failed": 1}
