"""`lapinq task` on a real database, with a real worker."""

import json

import psycopg
from click.testing import Result

from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.state import Status
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.invariants import check_invariants, statuses
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.programs.command_line import lapinq
from tests.support.programs.processes import WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task


def lapinq_task(database: str, *arguments: str) -> Result:
    return lapinq(database, "task", *arguments)


def test_a_task_is_shown_with_its_attempts(database: str) -> None:
    task = new_task(
        task_name="fail", args=["out of paper"], max_retries=1, retry_delay=0, retry_backoff=False
    )
    with WorkerProcess(database):
        enqueue_all(database, [task])
        eventually(lambda: statuses(database) == {"failed": 1}, 30)
    with psycopg.connect(database) as conn:
        conn.execute(
            "UPDATE lapinq_attempts SET logs = 'started' || chr(10) || chr(27) || '[31mred', progress = 40"
        )
    shown = lapinq_task(database, "get", task.id)
    assert (shown.exit_code, shown.stderr) == (0, "")
    fields, first, second = shown.stdout.split("\n\n")
    assert fields.splitlines()[0] == f"id                {task.id}"
    assert "status            failed" in fields.splitlines()
    for number, attempt in enumerate((first, second), 1):
        lines = attempt.splitlines()
        assert lines[0] == f"attempt {number}: failed"
        assert "  progress          40 %" in lines
        assert any(line.startswith("  error ") and "out of paper" in line for line in lines)
        assert lines[lines.index("  traceback") + 1].startswith("    ")
        assert lines[lines.index("  logs") + 1 :] == ["    started", r"    \x1b[31mred"]
    with psycopg.connect(database) as conn:
        conn.execute(
            "UPDATE lapinq_attempts SET error = 'no' || chr(155) || '2J' || chr(10) || 'status  completed'"
        )
    as_json = lapinq_task(database, "get", task.id, "--json")
    assert json.loads(as_json.stdout)["attempts"] == 2
    assert r'"no\u009b2J\nstatus  completed"' in as_json.stdout
    as_text = lapinq_task(database, "get", task.id)
    assert r"error             no\x9b2J" in as_text.stdout.splitlines()
    assert "                  status  completed" in as_text.stdout.splitlines()


def test_a_running_task_is_cancelled_on_request_only(database: str) -> None:
    made = on_connections(database, one_of_each)
    running = made[Status.RUNNING]
    refused = lapinq_task(database, "cancel", running)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == f"Error: task {running} is running; --running asks it to stop\n"
    asked = lapinq_task(database, "cancel", running, "--running")
    assert asked.exit_code == 0
    assert asked.stdout.startswith(f"asked {running} to stop")
    with psycopg.connect(database) as conn:
        noted = conn.execute(
            "SELECT id::text FROM lapinq_running WHERE cancel_requested_at IS NOT NULL"
        ).fetchall()
    assert noted == [(running,)]


def test_what_cannot_be_cancelled_or_requeued_is_told_with_the_reason(database: str) -> None:
    made = on_connections(database, one_of_each)
    unknown = new_id()
    for command in (("get",), ("cancel",), ("cancel", "--running"), ("requeue",)):
        failed = lapinq_task(database, *command, unknown)
        assert (failed.exit_code, failed.stderr) == (1, f"Error: no task {unknown}\n")
    done = made[Status.COMPLETED]
    for command in (("cancel",), ("cancel", "--running")):
        failed = lapinq_task(database, *command, done)
        assert (failed.exit_code, failed.stderr) == (
            1,
            f"Error: task {done} has already ended: it is completed\n",
        )
    failed = lapinq_task(database, "requeue", done)
    assert failed.stderr == f"Error: only a failed task can be requeued, and {done} is completed\n"
    assert failed.exit_code == 1
    assert lapinq_task(database, "requeue", made[Status.FAILED]).stdout == f"requeued {made[Status.FAILED]}\n"
    assert (
        lapinq_task(database, "cancel", made[Status.PENDING]).stdout == f"cancelled {made[Status.PENDING]}\n"
    )
    check_invariants(database, made.values())
