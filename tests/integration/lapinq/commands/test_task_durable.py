"""`lapinq task signal`, `lapinq task steps` and `lapinq task rerun --from-step`."""

import json
from collections.abc import Callable
from functools import partial

import psycopg
import pytest
from click.testing import Result

from lapinq_core.durable import reading
from tests.integration.lapinq.commands.test_task import call
from tests.support.database.running import on_connections
from tests.support.rows.durable import step, suspend, wait_for
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue

pytestmark = pytest.mark.http


@pytest.fixture
def task(at_server: tuple[str, ...]) -> Callable[..., Result]:
    """Calls `lapinq task`."""
    return partial(call, at_server)


async def made(conn: Conn) -> str:
    """A task with a step that waits for a signal."""
    [task_id] = await enqueue(conn, queue_name="durable")
    [held] = await claim(conn, await add_worker(conn), queue="durable")
    await step(conn, held, "charge", json.dumps("x" * 100))
    await wait_for(conn, held, "approved")
    await suspend(conn, held)
    return task_id


def test_a_signal_is_sent_with_its_value(task: Callable[..., Result], command_database: str) -> None:
    task_id = on_connections(command_database, made)
    sent = task("signal", task_id[:35], "late", '{"by": "eva"}')
    assert (sent.exit_code, sent.stdout) == (0, f"sent late to {task_id}\n")
    told = task("signal", task_id, "late", "--json")
    assert json.loads(told.stdout) == {"id": task_id, "signal": "late"}
    with psycopg.connect(command_database) as conn:
        rows = conn.execute(
            "SELECT result FROM lapinq_steps WHERE task_id = %s AND kind = 'sent' ORDER BY occurrence",
            (task_id,),
        )
        assert [row[0] for row in rows] == ['{"by":"eva"}', "null"]


def test_a_wrong_signal_is_refused(task: Callable[..., Result], command_database: str) -> None:
    async def ended(conn: Conn) -> str:
        [task_id] = await enqueue(conn, queue_name="ended")
        await complete(conn, await claim(conn, await add_worker(conn), queue="ended"))
        return task_id

    task_id = on_connections(command_database, ended)
    for arguments, code, words in (
        ((task_id, "go"), 1, "the task has ended, so it takes no more signals"),
        (("01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11", "go"), 1, "no task 01981c1e"),
        ((task_id, "go", "yes"), 2, "'yes' is not JSON"),
        ((task_id, " "), 2, "name must be a string that is not empty"),
    ):
        refused = task("signal", *arguments)
        assert (refused.exit_code, words in refused.stderr) == (code, True), (arguments, refused.stderr)


def test_steps_are_listed(
    task: Callable[..., Result], command_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_PAGE_BYTES", 1)
    task_id = on_connections(command_database, made)
    charge, wait = task("steps", task_id[:35]).stdout.splitlines()
    assert charge.split() == ["charge", "step", "completed", "0.100", "1", f'"{"x" * 58}…']
    assert wait.split() == ["approved", "signal", "waiting", "1"]
    found = json.loads(task("steps", task_id, "--json").stdout)
    assert [(one["name"], one["status"]) for one in found] == [
        ("charge", "completed"),
        ("approved", "waiting"),
    ]
    with psycopg.connect(command_database) as conn:
        conn.execute("DELETE FROM lapinq_steps WHERE task_id = %s", (task_id,))
    assert task("steps", task_id).stderr == "The task has no steps.\n"


def test_a_suspended_task_is_listed_as_such(task: Callable[..., Result], command_database: str) -> None:
    task_id = on_connections(command_database, made)
    for states in ("suspended", "ready,suspended"):
        told = task("list", "--status", states, "--id", task_id).stdout
        assert [line.split()[1] for line in told.splitlines()] == ["suspended"], states


def test_a_task_is_rerun_from_a_step(task: Callable[..., Result], command_database: str) -> None:
    task_id = on_connections(command_database, made)
    new = task("rerun", task_id, "--from-step", "approved", "--queue", "elsewhere").stdout.strip()
    assert [one["name"] for one in json.loads(task("steps", new, "--json").stdout)] == ["charge"]
    refused = task("rerun", task_id, "--from-step", "charge", "--from-occurrence", "1")
    assert (refused.exit_code, "from_step is no step of this task" in refused.stderr) == (2, True), (
        refused.stderr
    )
