"""Runs a worker on the database of a test, and reads what it stored."""

import os
import subprocess
import sys

from django.db import connection


def work() -> str:
    """Runs a worker until the queues are empty. Returns what it logged."""
    done = subprocess.run(
        [sys.executable, "manage.py", "lapinq_worker", "--drain", "--concurrency", "1"],
        env={**os.environ, "PGDATABASE": connection.settings_dict["NAME"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def status_of(task_id: str | None) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT status FROM lapinq_task_details WHERE id = %s", [task_id])
        return cursor.fetchone()[0]


def logs_of(task_id: str | None) -> str:
    """What the attempts of a task logged."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(logs, '') FROM lapinq_attempts WHERE task_id = %s", [task_id])
        return cursor.fetchone()[0]
