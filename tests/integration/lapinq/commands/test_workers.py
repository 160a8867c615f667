"""`lapinq worker list|show|quiet|resume|stop`, and `lapinq registered`."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import LiteralString

import psycopg
import pytest
from click.testing import Result

from lapinq_core.domain.annotations.form_fields import form_fields
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.fleet import workers
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.programs.command_line import ME, lapinq, lapinq_at, noted
from tests.support.rows.factories import Conn, add_worker, beat, claim, enqueue

pytestmark = pytest.mark.http


async def several(conn: Conn) -> list[str]:
    return [await add_worker(conn, name=name) for name in ("mail-1", "mail-2", "twin", "twin", "dead")]


def test_workers_are_listed_and_asked_by_name_pattern_and_beginning_of_an_id(database: str) -> None:
    first, second, *twins, dead = on_connections(database, several)
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("UPDATE lapinq_workers SET dead_at = now() WHERE id = %s", (dead,))

    def asked(*arguments: str, code: int = 0) -> tuple[str, str]:
        done = lapinq(database, "worker", *arguments)
        assert done.exit_code == code, done.stderr
        return done.stdout, done.stderr

    both = ((1, first), (2, second))
    told = [f"asked mail-{number} ({worker}) to stop claiming tasks\n" for number, worker in both]
    assert asked("quiet", "mail-*", first) == ("".join(told), "")
    assert asked("resume", first) == (f"asked {first} to claim tasks again\n", "")
    assert all(twin in asked("stop", second, "twin", code=1)[1] for twin in twins)
    stopped = json.loads(asked("stop", "twin", "--all-named", "--json")[0])
    assert {one["id"]: one["asked_to"] for one in stopped} == dict.fromkeys(twins, "stop")
    # One that refuses does not keep the others from being asked.
    assert asked("resume", twins[0], "mail-2", code=1) == (
        f"asked mail-2 ({second}) to claim tasks again\n",
        f"Error: {twins[0]}: this worker was asked to stop, which cannot be undone\n",
    )
    for which, why in (
        (dead, "declared dead"),
        ("dead", "declared dead"),
        (str(uuid.uuid4()), "no worker with this id"),
        ("x", "no worker x"),
    ):
        out, err = asked("stop", which, code=1)
        assert (out, why in err) == ("", True), which
    assert [entry[:4] for entry in noted(database)] == [
        (*ME, f"worker.{verb}", worker)
        for verb, worker in (
            *(("quiet", worker) for worker in (first, second)),
            ("resume", first),
            *(("stop", one["id"]) for one in stopped),
            ("resume", second),
        )
    ]
    assert asked("list")[0].count(f"stop requested by {ME[1]}") == 2


async def two_workers(conn: Conn) -> tuple[str, str, str]:
    told = await add_worker(conn, name="a\x1b[2J", queues=["mail", "video"])
    await beat(conn, told, memory_bytes=100 * 2**20, running=2, blocked_seconds=9.5)
    busy = await add_worker(conn, name="busy")
    [task] = await enqueue(conn, task_name="mark_until", queue_name="busy")
    await claim(conn, busy, queue="busy")
    return told, busy, task


def test_workers_are_shown_with_what_they_tell_and_the_tasks_that_they_run(
    command_database: str, at_server: tuple[str, ...]
) -> None:
    told, busy, task = on_connections(command_database, two_workers)
    listed = lapinq_at(at_server, "worker", "list")
    assert (listed.exit_code, listed.stderr) == (0, "")
    assert listed.stdout.splitlines() == [
        rf"{told}  alive, blocked  a\x1b[2J  2 of 4 running  100 MiB  mail, video",
        rf"{busy}  alive           busy      ? of 4 running           all",
    ]
    lines = lapinq_at(at_server, "worker", "show", "busy").stdout.splitlines()
    assert "name              busy" in lines
    assert lines[-1].startswith(f"{task}  mark_until  busy  ")
    as_json = json.loads(lapinq_at(at_server, "worker", "show", busy[:18], "--json").stdout)
    assert (as_json["id"], as_json["task_count"]) == (busy, 1)


def test_a_stop_can_be_waited_for(command_database: str, at_server: tuple[str, ...]) -> None:
    def stopped(timeout: str, after: LiteralString) -> Result:
        """What it says of a new worker, to which `after` happens once it was asked."""
        worker = on_connections(command_database, partial(add_worker, name="slow"))
        with ThreadPoolExecutor() as threads, psycopg.connect(command_database, autocommit=True) as conn:
            flags = ("worker", "stop", worker, "--wait", "--timeout", timeout)
            ending = threads.submit(lapinq_at, at_server, *flags)
            asked = "SELECT FROM lapinq_workers WHERE id = %s AND asked_to = 'stop'"
            eventually(lambda: conn.execute(asked, (worker,)).rowcount == 1)
            conn.execute(f"{after} WHERE id = %s", (worker,))
            try:
                return ending.result(10)
            finally:
                conn.execute("DELETE FROM lapinq_workers WHERE name = 'slow'")

    assert stopped("30", "DELETE FROM lapinq_workers").exit_code == 0  # it signed off
    dead = stopped("30", "UPDATE lapinq_workers SET dead_at = lapinq_now()")
    assert (dead.exit_code, "it was declared dead" in dead.stderr) == (1, True)
    late = stopped("0.1", "UPDATE lapinq_workers SET name = 'slow'")
    assert (late.exit_code, late.stderr.startswith("Error: still stopping: ")) == (1, True)


def send(to: str, copies: int = 1) -> None: ...


async def knowing_one(conn: Conn) -> None:
    options = {"max_retries": 9, "priority": 0}
    known = Registered("send", "shop.mail", "mail", options, form_fields(send), "2")
    for name in "abcd":
        await workers.record_registered(conn, await add_worker(conn, name=name), [known])


def test_the_tasks_that_workers_know_are_listed(command_database: str, at_server: tuple[str, ...]) -> None:
    assert "No live worker has reported a task" in lapinq_at(at_server, "registered").stderr
    on_connections(command_database, knowing_one)
    [line] = lapinq_at(at_server, "registered").stdout.splitlines()
    assert line.split("  ") == [
        "shop.mail.send",
        "mail",
        'priority=0 max_retries=9 version="2"',
        "a, b, c and 1 more",
    ]
    [task] = json.loads(lapinq_at(at_server, "registered", "-j").stdout)
    to, _ = task.pop("parameters")
    assert (to["given"], to["is_required"]) == ("either", True)
    assert task == {
        "task_name": "send",
        "module_path": "shop.mail",
        "queue_name": "mail",
        "options": {"max_retries": 9, "priority": 0},
        "version": "2",
        "retry_delays": None,
        "workers": ["a", "b", "c", "d"],
    }
