"""A worker dies by SIGKILL at each step from the claim to the commit: what is counted as a start, and what runs again.

Real processes, heartbeat 0.5 s, lease 3 s, sweep 0.5 s.
"""

import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from lapinq_core.domain.tasks.task import NewTask
from tests.support.database.invariants import check_invariants, statuses
from tests.support.eventually import eventually
from tests.support.programs.crashing import Step
from tests.support.programs.processes import QUICK_LEASE, Program
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample.starts import starts

pytestmark = pytest.mark.slow


class DyingWorker(Program):
    """`lapinq worker` on one queue, which dies at a step."""

    def __init__(self, step: Step, database: str, queue: str, env: Mapping[str, str]) -> None:
        arguments = ("worker", "--database-url", database, "--queue", queue, "--concurrency", "1")
        super().__init__(step, *arguments, env=env)

    def command(self, *arguments: str) -> list[str]:
        """What is executed."""
        return [sys.executable, "-m", "tests.support.programs.crashing", *arguments]


class End(NamedTuple):
    """How a task ends that another worker takes up: its status, the starts counted, those its function saw."""

    status: str
    counted: int
    seen: int


class Case(NamedTuple):
    """A task of which the worker dies, and the ends that are right."""

    step: Step
    function: str
    max_retries: int
    ends: tuple[End, ...]

    @property
    def name(self) -> str:
        """Its queue, and the name in the files that it leaves."""
        return f"{self.step.name}-{self.function}-{self.max_retries}"


def case(step: Step, function: str, max_retries: int, *ends: tuple[str, int, int]) -> Case:
    return Case(step, function, max_retries, tuple(End(*end) for end in ends))


CASES = [
    # Nothing was taken: no start.
    case(Step.BEFORE_CLAIM, "amark", 2, ("completed", 1, 1)),
    case(Step.BEFORE_CLAIM, "amark", 0, ("completed", 1, 1)),
    # Taken, and nobody can tell whether it began: a start. With max_retries 0 it has no other.
    case(Step.CLAIMED, "amark", 2, ("completed", 2, 1)),
    case(Step.CLAIMED, "amark", 0, ("failed", 1, 0)),
    case(Step.BEFORE_FUNCTION, "amark", 2, ("completed", 2, 1)),
    case(Step.BEFORE_FUNCTION, "amark", 0, ("failed", 1, 0)),
    case(Step.BEFORE_FUNCTION, "mark", 2, ("completed", 2, 1)),
    # It ran, and no trace of it was stored: it runs again while it may.
    case(Step.FUNCTION_RETURNED, "amark", 2, ("completed", 2, 2)),
    case(Step.FUNCTION_RETURNED, "amark", 0, ("failed", 1, 1)),
    case(Step.FUNCTION_RETURNED, "mark", 2, ("completed", 2, 2)),
    case(Step.BEFORE_COMPLETE, "amark", 2, ("completed", 2, 2)),
    case(Step.BEFORE_COMPLETE, "amark", 0, ("failed", 1, 1)),
    # Stored: it does not run again.
    case(Step.COMPLETED, "amark", 2, ("completed", 1, 1)),
    case(Step.COMPLETED, "amark", 0, ("completed", 1, 1)),
    # The server may have got the statement or not; each way is one of the above.
    case(Step.CLAIM_SENT, "amark", 2, ("completed", 1, 1), ("completed", 2, 1)),
    case(Step.CLAIM_SENT, "amark", 0, ("completed", 1, 1), ("failed", 1, 0)),
    case(Step.COMPLETE_SENT, "amark", 2, ("completed", 1, 1), ("completed", 2, 2)),
    case(Step.COMPLETE_SENT, "amark", 0, ("completed", 1, 1), ("failed", 1, 1)),
    # A task that fails each time: N + 1 starts, whoever wrote the end of the first.
    case(Step.BEFORE_SETTLE, "mark_and_die", 1, ("failed", 2, 2)),
    case(Step.BEFORE_SETTLE, "mark_and_die", 0, ("failed", 1, 1)),
    case(Step.SETTLED, "mark_and_die", 1, ("failed", 2, 2)),
    case(Step.SETTLED, "mark_and_die", 0, ("failed", 1, 1)),
]


def test_whatever_the_step_at_which_a_worker_dies_starts_are_counted_as_promised(
    database: str, tmp_path: Path
) -> None:
    assert {one.step for one in CASES} == {step for step in Step if not step.name.startswith("TICK_")}
    tasks = {one.name: _task(one, tmp_path) for one in CASES}
    ids = enqueue_all(database, list(tasks.values()))
    for few in (CASES[start : start + 6] for start in range(0, len(CASES), 6)):
        with ExitStack() as running:
            for worker in [DyingWorker(one.step, database, one.name, QUICK_LEASE) for one in few]:
                running.enter_context(worker)
                running.callback(_assert_killed, worker)

    with Program("worker", "--database-url", database, env=QUICK_LEASE):
        eventually(lambda: not statuses(database).keys() & {"pending", "running"}, 60)
    check_invariants(database, ids)
    ended, seen = _ended(database), starts(tmp_path)
    ends = {one.name: End(*ended[tasks[one.name].id], seen[one.name]) for one in CASES}
    wrong = {one.name: ends[one.name] for one in CASES if ends[one.name] not in one.ends}
    assert not wrong, [_errors(database, tasks[name].id) for name in wrong]


def _task(one: Case, directory: Path) -> NewTask:
    return new_task(
        task_name=one.function,
        args=[str(directory), one.name],
        queue_name=one.name,
        max_retries=one.max_retries,
        retry_delay=0.0,
        retry_backoff=False,
    )


def _assert_killed(worker: Program) -> None:
    code = worker.wait()
    assert code == -signal.SIGKILL, worker.output


def _errors(database: str, task_id: str) -> list[str | None]:
    with psycopg.connect(database) as conn:
        rows = conn.execute("SELECT error FROM lapinq_attempts WHERE task_id = %s", (task_id,)).fetchall()
    return [error for (error,) in rows]


def _ended(database: str) -> dict[str, tuple[str, int]]:
    with psycopg.connect(database) as conn:
        rows = conn.execute("SELECT id::text, status, attempts FROM lapinq_task_details").fetchall()
    return {task: (status, counted) for task, status, counted in rows}
