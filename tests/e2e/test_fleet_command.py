"""`lapinq worker list|show|quiet|resume|stop` and `lapinq fleet`, on the database and through a server."""

import json
import uuid
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.programs.command_line import ME, lapinq, lapinq_at, noted
from tests.support.programs.processes import ApiProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import Conn, add_worker, beat, new_task


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


def test_a_worker_is_shown_with_the_tasks_that_it_runs(server: ApiProcess, tmp_path: Path) -> None:
    places = (("--database-url", server.database), ("--server", server.url))
    gate = tmp_path / "gate"
    [task] = enqueue_all(
        server.database, [new_task(task_name="mark_until", args=[str(tmp_path), "one", str(gate)])]
    )
    [own] = json.loads(lapinq_at(places[0], "worker", "list", "--json").stdout)["workers"]

    def shown(where: tuple[str, ...]) -> bool:
        lines = lapinq_at(where, "worker", "show", own["name"]).stdout.splitlines()
        return f"name              {own['name']}" in lines and lines[-1].startswith(
            f"{task}  mark_until  default  "
        )

    for where in places:
        eventually(lambda where=where: shown(where))
        as_json = json.loads(lapinq_at(where, "worker", "show", own["id"][:18], "--json").stdout)
        assert (as_json["id"], as_json["task_count"]) == (own["id"], 1)
    gate.touch()


def test_the_tasks_that_workers_know_are_listed(server: ApiProcess) -> None:
    module = "tests.support.sample.declared"
    enqueue_all(server.database, [new_task(module_path=module, task_name="fail_until", args=[1])])
    places = (("--database-url", server.database), ("--server", server.url))
    eventually(lambda: lapinq_at(places[0], "registered").stdout, 20)
    for where in places:
        tasks = {task["task_name"]: task for task in json.loads(lapinq_at(where, "registered", "-j").stdout)}
        assert "workers" in tasks["give_up"]
        [parameter] = tasks["fail_until"]["parameters"]
        assert (parameter["given"], parameter["is_required"]) == ("either", True)
        assert tasks["fail_until"] | {"workers": [], "parameters": []} == {
            "task_name": "fail_until",
            "module_path": module,
            "queue_name": "default",
            "options": {"max_retries": 9, "priority": 0},
            "parameters": [],
            "workers": [],
        }
        lines = [line.split() for line in lapinq_at(where, "registered").stdout.splitlines()]
        task = f"{module}.fail_until"
        assert [task, "default", "priority=0", "max_retries=9"] in [line[:4] for line in lines], lines


async def fleet_of(conn: Conn, place: str) -> list[str]:
    return [await add_worker(conn, name=f"{place}-{name}") for name in ("mail-1", "mail-2", "twin", "twin")]


@pytest.mark.parametrize("place", ["database", "server"])
def test_workers_are_asked_by_name_pattern_and_beginning_of_an_id(server: ApiProcess, place: str) -> None:
    where = ("--database-url", server.database) if place == "database" else ("--server", server.url)
    mail_1, mail_2, *twins = on_connections(server.database, partial(fleet_of, place=place))

    quiet = lapinq_at(where, "worker", "quiet", f"{place}-mail-*", mail_1)
    assert quiet.stdout == "".join(
        f"asked {place}-mail-{number} ({worker}) to stop claiming tasks\n"
        for number, worker in enumerate((mail_1, mail_2), 1)
    )
    several = lapinq_at(where, "worker", "stop", mail_2, f"{place}-twin")
    assert several.exit_code == 1
    assert all(twin in several.stderr for twin in twins)
    stopped = lapinq_at(where, "worker", "stop", f"{place}-twin", "--all-named", "--json")
    assert {one["id"]: one["asked_to"] for one in json.loads(stopped.stdout)} == dict.fromkeys(twins, "stop")
    # One that refuses does not keep the others from being asked.
    mixed = lapinq_at(where, "worker", "resume", twins[0], f"{place}-mail-2")
    assert (mixed.exit_code, mixed.stdout) == (1, f"asked {place}-mail-2 ({mail_2}) to claim tasks again\n")
    assert mixed.stderr == f"Error: {twins[0]}: this worker was asked to stop, which cannot be undone\n"
    orders = [(entry[2], entry[3]) for entry in noted(server.database)][-5:]
    assert orders == [
        ("worker.quiet", mail_1),
        ("worker.quiet", mail_2),
        *(
            ("worker.stop", twin)
            for twin in sorted(twins, key=[one["id"] for one in json.loads(stopped.stdout)].index)
        ),
        ("worker.resume", mail_2),
    ]
