"""`lapinq workflow`."""

import json

import pytest

from lapinq_api.routes.workflows import reading
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.support.database.running import on_connections
from tests.support.programs.command_line import lapinq_at
from tests.support.rows.factories import Conn, add_worker, claim

pytestmark = pytest.mark.http

NIL = "00000000-0000-0000-0000-000000000000"
TASK = {"task_name": "send", "module_path": "app.mail"}
BODY = {
    "name": "report",
    "metadata": {"customer": 7},
    "tasks": [{"ref": "a", **TASK}, {"ref": "b", "after": ["a"], **TASK}],
}


async def fail_one(conn: Conn) -> None:
    [held] = await claim(conn, await add_worker(conn))
    await worker_verbs.settle(conn, [Ended(held.id, held.token, True, True, 0, "ValueError: no")])


def test_a_workflow_is_listed_shown_watched_retried_and_cancelled(
    command_database: str, at_server: tuple[str, ...]
) -> None:
    def said(line: str, code: int = 0, stdin: str = "") -> str:
        done = lapinq_at(at_server, *line.split(), stdin=stdin)
        assert done.exit_code == code, done.output
        return done.stdout or done.stderr

    which = json.loads(said("api POST /api/v1/workflows --input -", stdin=json.dumps(BODY)))["workflow_id"]
    [line] = said("workflow list --name report --status running").splitlines()
    assert line.split()[:5] == [which, "running", "0/2", "0", "report"]
    shown = said(f"workflow show {which}").splitlines()
    assert {"counts            2 pending", 'metadata          {"customer":7}'} < set(shown)
    assert "no task of the workflow has failed or expired" in said(f"workflow retry {which}", 1)

    on_connections(command_database, fail_one)
    ended = said(f"workflow show {which}").splitlines()[-2:]
    assert [line.split()[1:] for line in ended] == [["failed", "a", "send"], ["cancelled", "b", "send", "a"]]
    assert said(f"workflow watch {which}", 1) == "report: failed, 2 of 2 done, 1 failed, 1 cancelled\n"
    assert said(f"workflow retry {which}") == f"2 tasks of {which} pending again\n"

    begin = which[:20]
    assert said(f"workflow show {begin}").splitlines()[0].split() == ["id", which]
    assert said(f"workflow cancel {begin} {NIL}", 1) == f"cancelled 2 tasks of {which}\n"
    assert json.loads(said("workflow cancel - --json", stdin=f"{which}\n")) == [{"id": which, "cancelled": 0}]
    assert said(f"workflow watch {which}", 1) == "report: cancelled, 2 of 2 done, 2 cancelled\n"
    assert "the workflow was cancelled" in said(f"workflow retry {which}", 1)
    assert said(f"workflow show {NIL[:20]}", 1) == f"Error: no workflow {NIL[:20]}\n"
    for verb in ("show", "watch", "cancel", "retry"):
        assert said(f"workflow {verb} {NIL}", 1) == f"Error: no workflow {NIL}\n"
    assert said("workflow list --name none") == "There are no such workflows.\n"


def test_tasks_are_shown_of_all_pages(at_server: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_TASKS", 2)
    tasks = [{"ref": ref, "after": ["a"] if ref != "a" else [], **TASK} for ref in "abc"]
    asked = json.dumps({"name": "large", "tasks": tasks})
    stored = lapinq_at(at_server, "api", "POST", "/api/v1/workflows", "--input", "-", stdin=asked)
    which = json.loads(stored.stdout)["workflow_id"]
    shown = json.loads(lapinq_at(at_server, "workflow", "show", which, "--json").stdout)
    assert [task["ref"] for task in shown["tasks"]] == ["a", "b", "c"]
    assert [edge["child"] for edge in shown["edges"]] == ["b", "c"]
    lapinq_at(at_server, "workflow", "cancel", which)
    ended = lapinq_at(at_server, "workflow", "show", which).stdout.splitlines()[-3:]
    assert [line.split()[1:3] for line in ended] == [["cancelled", ref] for ref in "abc"]


def test_watching_ends_well_once_all_tasks_have_completed(at_server: tuple[str, ...]) -> None:
    stored = lapinq_at(
        at_server, "api", "POST", "/api/v1/workflows", "--field", "name=empty", "-F", "tasks=[]"
    )
    done = lapinq_at(at_server, "workflow", "watch", json.loads(stored.stdout)["workflow_id"])
    assert (done.exit_code, done.stdout) == (0, "empty: completed, 0 of 0 done\n")
