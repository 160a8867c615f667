"""`lapinq worker list|show|quiet|resume|stop`, `lapinq fleet`, and `lapinq registered`."""

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


async def two_workers(conn: Conn) -> tuple[str, str]:
    told = await add_worker(conn, name="a\x1b[2J", queues=["mail", "video"])
    await beat(conn, told, memory_bytes=100 * 2**20, running=2)
    return told, await add_worker(conn, name="b")


def test_workers_are_listed_and_asked_by_their_ids(database: str) -> None:
    first, second = on_connections(database, two_workers)
    listed = lapinq(database, "fleet", "list")
    assert (listed.exit_code, listed.stderr) == (0, "")
    one, two = listed.stdout.splitlines()
    assert one == rf"{first}  alive  a\x1b[2J  2 of 4 running  100 MiB  mail, video"
    assert two == rf"{second}  alive  b         ? of 4 running           all"

    for order, said in (("quiet", "stop claiming tasks"), ("resume", "claim tasks again"), ("stop", "stop")):
        asked = lapinq(database, "fleet", order, first)
        assert (asked.exit_code, asked.stdout) == (0, f"asked {first} to {said}\n")
    assert [entry[:4] for entry in noted(database)] == [
        (*ME, f"worker.{order}", first) for order in ("quiet", "resume", "stop")
    ]
    shown = json.loads(lapinq(database, "fleet", "list", "-j").stdout)
    assert [worker["asked_to"] for worker in shown["workers"]] == ["stop", None]
    assert f"stop requested by {ME[1]}" in lapinq(database, "fleet", "list").stdout


def test_what_cannot_be_asked_is_an_error(database: str) -> None:
    worker = on_connections(database, partial(add_worker, name="dead"))
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("UPDATE lapinq_workers SET dead_at = now()")
    for which, code, why in (
        (worker, 1, "declared dead"),
        ("dead", 1, "declared dead"),
        (str(uuid.uuid4()), 1, "no worker with this id"),
        ("x", 1, "no worker x"),
    ):
        refused = lapinq(database, "fleet", "stop", which)
        assert (refused.exit_code, refused.stdout) == (code, "")
        assert why in refused.stderr
    assert noted(database) == []


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
                conn.execute("DELETE FROM lapinq_workers")

    assert stopped("30", "DELETE FROM lapinq_workers").exit_code == 0  # it signed off
    dead = stopped("30", "UPDATE lapinq_workers SET dead_at = lapinq_now()")
    assert (dead.exit_code, "it was declared dead" in dead.stderr) == (1, True)
    late = stopped("0.1", "UPDATE lapinq_workers SET name = 'slow'")
    assert (late.exit_code, late.stderr.startswith("Error: still stopping: ")) == (1, True)


async def running_one(conn: Conn) -> tuple[str, str]:
    worker = await add_worker(conn, name="busy")
    [task] = await enqueue(conn, task_name="mark_until", queue_name="busy")
    await claim(conn, worker, queue="busy")
    return worker, task


def test_a_worker_is_shown_with_the_tasks_that_it_runs(
    command_database: str, at_server: tuple[str, ...]
) -> None:
    worker, task = on_connections(command_database, running_one)
    lines = lapinq_at(at_server, "worker", "show", "busy").stdout.splitlines()
    assert "name              busy" in lines
    assert lines[-1].startswith(f"{task}  mark_until  busy  ")
    as_json = json.loads(lapinq_at(at_server, "worker", "show", worker[:18], "--json").stdout)
    assert (as_json["id"], as_json["task_count"]) == (worker, 1)


def send(to: str, copies: int = 1) -> None: ...


async def knowing_one(conn: Conn) -> None:
    options = {"max_retries": 9, "priority": 0}
    known = Registered("send", "shop.mail", "mail", options, form_fields(send))
    for name in "abcd":
        await workers.record_registered(conn, await add_worker(conn, name=name), [known])


def test_the_tasks_that_workers_know_are_listed(command_database: str, at_server: tuple[str, ...]) -> None:
    assert "No live worker has reported a task" in lapinq_at(at_server, "registered").stderr
    on_connections(command_database, knowing_one)
    [line] = lapinq_at(at_server, "registered").stdout.splitlines()
    assert line.split("  ") == ["shop.mail.send", "mail", "priority=0 max_retries=9", "a, b, c and 1 more"]
    [task] = json.loads(lapinq_at(at_server, "registered", "-j").stdout)
    to, _ = task["parameters"]
    assert (to["given"], to["is_required"]) == ("either", True)
    assert task | {"parameters": []} == {
        "task_name": "send",
        "module_path": "shop.mail",
        "queue_name": "mail",
        "options": {"max_retries": 9, "priority": 0},
        "parameters": [],
        "workers": ["a", "b", "c", "d"],
    }


async def four_workers(conn: Conn) -> list[str]:
    return [await add_worker(conn, name=name) for name in ("mail-1", "mail-2", "twin", "twin")]


def test_workers_are_asked_by_name_pattern_and_beginning_of_an_id(
    command_database: str, at_server: tuple[str, ...]
) -> None:
    mail_1, mail_2, *twins = on_connections(command_database, four_workers)

    quiet = lapinq_at(at_server, "worker", "quiet", "mail-*", mail_1)
    assert quiet.stdout == "".join(
        f"asked mail-{number} ({worker}) to stop claiming tasks\n"
        for number, worker in enumerate((mail_1, mail_2), 1)
    )
    several = lapinq_at(at_server, "worker", "stop", mail_2, "twin")
    assert several.exit_code == 1
    assert all(twin in several.stderr for twin in twins)
    stopped = lapinq_at(at_server, "worker", "stop", "twin", "--all-named", "--json")
    assert {one["id"]: one["asked_to"] for one in json.loads(stopped.stdout)} == dict.fromkeys(twins, "stop")
    # One that refuses does not keep the others from being asked.
    mixed = lapinq_at(at_server, "worker", "resume", twins[0], "mail-2")
    assert (mixed.exit_code, mixed.stdout) == (1, f"asked mail-2 ({mail_2}) to claim tasks again\n")
    assert mixed.stderr == f"Error: {twins[0]}: this worker was asked to stop, which cannot be undone\n"
    orders = [(entry[2], entry[3]) for entry in noted(command_database)][-5:]
    assert orders == [
        ("worker.quiet", mail_1),
        ("worker.quiet", mail_2),
        *(
            ("worker.stop", twin)
            for twin in sorted(twins, key=[one["id"] for one in json.loads(stopped.stdout)].index)
        ),
        ("worker.resume", mail_2),
    ]
