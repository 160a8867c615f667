"""`POST /api/v1/workflows`, and `/tasks` of one: all or nothing, and once."""

from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.lapinq_api.routes.workflows.asked import PATH, body, task
from tests.support.database.ready_channels import waking

NIL = "00000000-0000-7000-8000-000000000000"


def stored(db: psycopg.Connection) -> list[Any]:
    """What a request may leave."""
    tables = (
        "workflows",
        "workflow_tasks",
        "workflow_edges",
        "tasks",
        "unique_keys",
        "idempotency_keys",
        "audit",
    )
    rows = [db.execute(f"SELECT count(*) FROM lapinq_{table}").fetchone() for table in tables]  # names
    return [count for (count,) in filter(None, rows)]


def test_a_workflow_is_stored_with_its_graph(api: httpx.Client, queue: str) -> None:
    asked = body(
        task("sum", "a", queue_name=queue, args=[{"$result": "b"}], after_failure="run"),
        task("b", queue_name=queue),
        task("a", queue_name=queue, scheduled_at="2100-01-01T00:00:00Z"),
        metadata={"by": "me"},
    )
    answer = api.post(PATH, json=asked)
    assert answer.status_code == 201
    ids = answer.json()["task_ids"]
    assert list(ids) == ["sum", "b", "a"]
    found = api.get(f"{PATH}/{answer.json()['workflow_id']}").json()
    assert found["tasks"] == [
        {
            "id": ids[ref],
            "ref": ref,
            "status": "blocked" if ref == "sum" else "pending",
            "task_name": "send",
            "queue_name": queue,
            "after_failure": "run" if ref == "sum" else "cancel",
            "cause": None,
        }
        for ref in sorted(ids, key=lambda ref: ids[ref])
    ]
    assert sorted(found["edges"], key=str) == [
        {"parent": "a", "child": "sum"},
        {"parent": "b", "child": "sum"},
    ]
    head = {name: found[name] for name in ("name", "status", "metadata", "open", "round", "ended_at")}
    assert head == {
        "name": "report", "status": "running", "metadata": {"by": "me"}, "open": False, "round": 1, "ended_at": None,
    }  # fmt: skip
    assert found["counts"] == {**dict.fromkeys(found["counts"], 0), "pending": 3}


def test_a_task_names_its_workflow_and_what_it_waits_for(api: httpx.Client) -> None:
    answer = api.post(PATH, json=body(*map(task, "abcd"), task("all", *"abcd"))).json()
    blocked = f"/api/v1/tasks/{answer['task_ids']['all']}"
    found = api.get(blocked).json()
    assert (found["status"], found["scheduled_at"], found["workflow_id"], found["waiting_for"]) == (
        "pending", None, answer["workflow_id"], {"kind": "parents", "name": None},
    )  # fmt: skip
    refused = api.post(f"{blocked}/run")
    assert (refused.status_code, refused.json()["error"]) == (
        409, "the task waits until tasks of its workflow have ended: 'a', 'b', 'c' and 1 more",
    )  # fmt: skip


@pytest.mark.parametrize(("is_open", "status"), [(False, "completed"), (True, "running")])
def test_a_workflow_without_tasks_ends_at_once_unless_it_is_open(
    api: httpx.Client, is_open: bool, status: str
) -> None:
    answer = api.post(PATH, json={"name": "report", "open": is_open})
    assert (answer.status_code, answer.json()["task_ids"]) == (201, {})
    assert api.get(f"{PATH}/{answer.json()['workflow_id']}").json()["status"] == status


def test_tasks_are_added_until_the_workflow_has_ended(api: httpx.Client) -> None:
    made = api.post(PATH, json=body(task("a"), open=True)).json()
    path = f"{PATH}/{made['workflow_id']}"
    added = api.post(f"{path}/tasks", json={"tasks": [task("c", "b"), task("b", "a")]})
    assert (added.status_code, added.json()["workflow_id"]) == (201, made["workflow_id"])
    graph = api.get(path).json()
    assert {one["ref"]: one["id"] for one in graph["tasks"]} == {
        **made["task_ids"],
        **added.json()["task_ids"],
    }
    assert {(one["parent"], one["child"]) for one in graph["edges"]} == {("a", "b"), ("b", "c")}
    for tasks, error in (
        ([task("d"), task("b")], "tasks[1].ref is that of a task in the workflow: 'b'"),
        ([task("e"), task("d", "e", "x")], "tasks[1].after names 'x', which is no ref of a task"),
        ([task("d", args=[{"$result": "x"}])], "tasks[0].args names 'x', which is no ref of a task"),
    ):
        refused = api.post(f"{path}/tasks", json={"tasks": tasks})
        assert (refused.status_code, refused.json()["error"]) == (400, error)
    assert len(api.get(path).json()["tasks"]) == 3
    assert api.delete(path).status_code == 200
    refused = api.post(f"{path}/tasks", json={"tasks": []})
    assert (refused.status_code, refused.json()["error"]) == (
        409, "the workflow has ended or was cancelled, so it takes no more tasks",
    )  # fmt: skip
    assert api.post(f"{PATH}/{NIL}/tasks", json={"tasks": []}).status_code == 404


@pytest.mark.slow  # it stores 110,000 rows
def test_the_largest_request_is_stored_read_and_cancelled(api: httpx.Client) -> None:
    tasks = [task(f"{n}", *(f"{m}" for m in range(max(0, n - 10), n))) for n in range(10_000)]
    answer = api.post(PATH, json=body(*tasks), timeout=60)
    assert (answer.status_code, len(answer.json()["task_ids"])) == (201, 10_000)
    path = f"{PATH}/{answer.json()['workflow_id']}"
    found = api.get(path, timeout=60).json()
    assert (len(found["tasks"]), len(found["edges"])) == (10_000, sum(min(n, 10) for n in range(10_000)))
    assert api.delete(path, timeout=60).json()["cancelled"] == 10_000


def test_the_same_request_is_answered_again(api: httpx.Client, db: psycopg.Connection, queue: str) -> None:
    headers = {"Idempotency-Key": queue}
    asked = body(task("z", "a", unique={"key": queue}), task("a"))
    first = api.post(PATH, json=asked, headers=headers)
    path = f"{PATH}/{first.json()['workflow_id']}/tasks"
    more = {"tasks": [task("c", "b"), task("b")]}
    added = api.post(path, json=more, headers={"Idempotency-Key": f"{queue} more"})
    before = stored(db)
    again = api.post(PATH, json=asked, headers=headers)
    assert (again.status_code, again.text, again.headers["idempotency-replayed"]) == (201, first.text, "true")
    again = api.post(path, json=more, headers={"Idempotency-Key": f"{queue} more"})
    assert (again.status_code, again.text, again.headers["idempotency-replayed"]) == (201, added.text, "true")
    for other, wanted in ((PATH, body(task("a"))), (path, more)):
        assert api.post(other, json=wanted, headers=headers).status_code == 409
    assert stored(db) == before


def test_a_held_unique_key_refuses_all_of_it(api: httpx.Client, db: psycopg.Connection, queue: str) -> None:
    unique = {"queue_name": queue, "unique": {"key": "k", "on_conflict": "replace"}}
    made = api.post(PATH, json=body(task("first", **unique))).json()
    holder = made["task_ids"]["first"]
    opened = api.post(PATH, json=body(open=True)).json()["workflow_id"]
    before = stored(db)
    for path in (PATH, f"{PATH}/{opened}/tasks"):
        tasks = [task("b", "a"), task("a", **unique)]
        asked = body(*tasks) if path == PATH else {"tasks": tasks}
        refused = api.post(path, json=asked, headers={"Idempotency-Key": f"{queue} {path}"})
        assert (refused.status_code, refused.json()) == (
            409,
            {
                "error": f"the task {holder} has the unique key of 'a'",
                "details": [{"loc": "tasks[1].unique.key", "msg": f"belongs to the task {holder}"}],
                "task_id": holder,
            },
        )
    assert stored(db) == before


def test_limits_must_exist_and_modules_be_allowed(
    api: httpx.Client, serve: Callable[..., httpx.Client], db: psycopg.Connection
) -> None:
    before = stored(db)
    for server, wrong, loc in (
        (api, {"limits": {"nowhere": 1}}, "tasks[1].limits.nowhere"),
        (serve(allowed_modules=("app.mail",)), {"module_path": "os"}, "tasks[1].module_path"),
    ):
        refused = server.post(PATH, json=body(task("b", "a"), task("a", **wrong)))
        assert (refused.status_code, refused.json()["details"][0]["loc"]) == (400, loc)
    assert stored(db) == before


def test_ready_tasks_are_announced(api: httpx.Client, db: psycopg.Connection, queue: str) -> None:
    with waking(db, queue):
        api.post(PATH, json=body(task("a", queue_name=queue), task("b", "a", queue_name=f"{queue} later")))


def test_users_leave_an_audit_entry_and_programs_none(
    signed_in: httpx.Client, api: httpx.Client, db: psycopg.Connection, queue: str
) -> None:
    for client in (api, signed_in):
        made = client.post(PATH, json=body(task("a", queue_name=queue), open=True)).json()["workflow_id"]
        client.post(f"{PATH}/{made}/tasks", json={"tasks": [task("b", queue_name=queue)]})
        rows = db.execute(
            "SELECT action, details FROM lapinq_audit WHERE target = %s ORDER BY id", (made,)
        ).fetchall()
        about = {"count": 1, "queues": [queue]}
        expected = [("workflow.enqueue", {"name": "report", **about}), ("workflow.add", about)]
        assert rows == ([] if client is api else expected)


def test_a_user_needs_the_permission_on_every_queue(signed_in: httpx.Client, api: httpx.Client) -> None:
    made = signed_in.post(
        "/api/v1/keys", json={"name": "mail only", "scopes": ["enqueue"], "queues": ["mail"]}
    )
    limited = {"X-API-Key": made.json()["key"]}
    mail, video = task("a", queue_name="mail"), task("b", queue_name="video")
    assert api.post(PATH, json=body(mail, video), headers=limited).status_code == 403
    assert api.post(PATH, json=body(mail), headers=limited).status_code == 201
    assert api.post(PATH, json=body(), headers=limited).status_code == 201
    own = api.post(PATH, json=body(mail, open=True), headers=limited).json()["workflow_id"]
    assert api.post(f"{PATH}/{own}/tasks", json={"tasks": [video]}, headers=limited).status_code == 403
    # A task of theirs would be given the results of tasks that they may not read.
    other = api.post(PATH, json=body(mail, video, open=True)).json()["workflow_id"]
    assert (
        api.post(
            f"{PATH}/{other}/tasks", json={"tasks": [task("c", queue_name="mail")]}, headers=limited
        ).status_code
        == 404
    )
