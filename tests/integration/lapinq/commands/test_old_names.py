"""Names of flags and groups of the release before: they work, and say what the new ones are."""

import shlex

import pytest

from tests.support.programs.command_line import lapinq, lapinq_at
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = pytest.mark.http

OLD = (
    ("task list --task-name AD --ids", "--task-name is now --name-contains"),
    ("task list --names=add,sub --queues a,default --ids", "--names is now --name"),
    ("task list --state ready --not-errors x --ids", "--state is now --status"),
    ("task list --not-queues x --not-names=y --not-task-names z --ids", "--not-queues is now --not-queue"),
)
# They chose the tasks that fit both.
BOTH = (
    ("task cancel --state retrying --status pending --dry-run", "--state or --status"),
    ("task cancel --queues a,b -qc --dry-run", "--queues or --queue"),
    ("task list --name y --names=x", "--names or --name"),
)


def test_old_names_work_and_warn(database: str) -> None:
    [task_id] = enqueue_all(database, [new_task()])
    for typed, warned in OLD:
        done = lapinq(database, *shlex.split(typed))
        assert (done.exit_code, done.stdout) == (0, f"{task_id}\n"), typed
        assert f"Warning: {warned}; the next release no longer takes the old name\n" in done.stderr
    for typed, refused in BOTH:
        done = lapinq(database, *shlex.split(typed))
        assert (done.exit_code, f"give {refused}, not both" in done.stderr) == (2, True), typed
    assert lapinq(database, "task", "list", "--name", "add", "--ids").stderr == ""
    first, again = (lapinq(database, "task", "enqueue", "math:sqrt", "4", "--key", "k") for _ in range(2))
    assert first.stdout == again.stdout != ""
    assert first.stderr.startswith("Warning: --key is now --idempotency-key;")
    place = ("--database-url", database)
    assert lapinq_at((), "task", "enqueue", *place, "math:sqrt", "--", "--key").stderr == ""
    fleet = lapinq(database, "fleet", "list")
    assert fleet.exit_code == 0
    assert fleet.stderr.startswith("Warning: `cli fleet` is now `cli worker`;")
    assert "Commands" in lapinq(database, "fleet").stdout  # `lapinq worker` alone would run one
