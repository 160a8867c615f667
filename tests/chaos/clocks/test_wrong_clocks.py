"""Programs whose machines' clocks are an hour off, both ways: the database's clock decides."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
import pytest

from tests.support.database.invariants import check_invariants
from tests.support.eventually import eventually
from tests.support.first_by_default import first_by_default
from tests.support.programs.processes import QUICK_LEASE, REPOSITORY, ApiProcess, Program, WorkerProcess
from tests.support.rows.schedules import add_schedules, definition, planned
from tests.support.sample.starts import starts

HOUR = 3600
WRONG_CLOCK = REPOSITORY / "tests" / "support" / "programs" / "wrong_clock"


def off_by(seconds: int) -> Mapping[str, str]:
    """The environment of a program whose clock is wrong by so much."""
    path = os.pathsep.join([str(WRONG_CLOCK), str(REPOSITORY)])
    return {**QUICK_LEASE, "PYTHONPATH": path, "LAPINQ_TEST_CLOCK_SHIFT": str(seconds)}


def check_clock(program: Program, shift: int) -> None:
    """AssertionError if the time of the first line that the program logs is not off by about as much."""
    logged = datetime.fromisoformat(program.said(r"\d{4}-\d\d-\d\dT\S+Z").group(0))
    assert abs(logged - datetime.now(UTC) - timedelta(seconds=shift)) < timedelta(minutes=2)


def rows(database: str, query: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as conn:
        return conn.execute(query).fetchall()


@pytest.mark.parametrize("shift", first_by_default([HOUR, -HOUR]))
def test_nothing_starts_early_late_or_twice(database: str, tmp_path: Path, shift: int) -> None:
    add_schedules(database, definition("often", every="1s"))
    with ExitStack() as running:
        api = running.enter_context(ApiProcess(database, env=off_by(shift)))
        running.enter_context(Program("scheduler", "--database-url", database, env=off_by(shift)))
        for wrong in (shift, -shift):
            running.enter_context(WorkerProcess(database, "--concurrency", "4", env=off_by(wrong)))
        check_clock(api, shift)
        # By the test's own clock, which is the database's.
        due = datetime.now(UTC) + timedelta(seconds=4)
        tasks = [
            {
                "task_name": function,
                "module_path": "tests.support.sample.tasks",
                "args": [str(tmp_path), f"{function}{n}"],
                "scheduled_at": (due + timedelta(seconds=n / 10)).isoformat(),
                "ttl_seconds": 600,
            }
            for function in ("mark", "amark")
            for n in range(10)
        ]
        answer = httpx.post(f"{api.url}/api/v1/enqueue/batch", json=tasks).raise_for_status()
        ids = answer.json()["task_ids"]
        eventually(
            lambda: (
                rows(
                    database,
                    "SELECT count(*) = 20 FROM lapinq_task_details"
                    " WHERE task_name LIKE '%mark' AND status = 'completed'",
                )
                == [(True,)]
            ),
            30,
        )
        eventually(lambda: len(planned(database, "often")) >= 5, 30)
    assert set(starts(tmp_path).values()) == {1}
    assert len(starts(tmp_path)) == 20
    early_or_late = rows(
        database,
        "SELECT started_at - scheduled_at FROM lapinq_task_details WHERE task_name LIKE '%mark'"
        " AND started_at - scheduled_at NOT BETWEEN '0' AND '5 seconds'",
    )
    assert early_or_late == []
    instants = planned(database, "often")
    assert {later - earlier for earlier, later in pairwise(instants)} == {timedelta(seconds=1)}
    assert rows(database, "SELECT count(*) FROM lapinq_workers WHERE dead_at IS NOT NULL") == [(0,)]
    check_invariants(database, ids)
