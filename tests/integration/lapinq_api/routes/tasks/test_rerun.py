"""Enqueueing a task again over HTTP: what the new task has of the earlier one, and what the body changes."""

from functools import partial
from typing import Any

import httpx
import msgspec
import psycopg
import pytest

from lapinq_core.domain.ids import is_of_workflow, new_id
from lapinq_core.domain.requests.enqueue import EnqueueRequest
from lapinq_core.domain.requests.rerun import RerunRequest
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.task_detail import reruns_of
from lapinq_core.tasks import actions
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.invariants import check_invariants
from tests.support.database.running import on_connections
from tests.support.http.refusals import Row, check_refused
from tests.support.programs.command_line import noted
from tests.support.rows.factories import Conn, add_worker, claim, complete, new_task
from tests.support.rows.workflows import member, store

pytestmark = pytest.mark.http

TASKS = "/api/v1/tasks"
FIELDS: dict[str, Any] = {
    "task_name": "send",
    "module_path": "app.mail",
    "queue_name": "again",
    "args": [1, "ü"],
    "kwargs": {"to": None},
    "max_retries": 7,
    "priority": -3,
    "ttl_seconds": 9000,
    "metadata": {"tenant": 7},
    "retry_delay": 2.5,
    "retry_backoff": False,
    "webhook_url": "https://example.org/done",
    "timeout_seconds": 40,
}
RESULT = {"text": 100 * "x"}


@pytest.fixture(scope="module")
def earlier(api: httpx.Client) -> str:
    """The id of a task that is due later and has every field."""
    body = {**FIELDS, "scheduled_at": "2099-01-01T00:00:00Z"}
    task_id: str = api.post("/api/v1/enqueue", json=body).json()["task_id"]
    return task_id


def rerun(client: httpx.Client, task_id: str, body: object = None, **headers: str) -> httpx.Response:
    return client.post(f"{TASKS}/{task_id}/rerun", json=body, headers=headers)


def enqueued(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    return client.get(f"{TASKS}/{answer.json()['task_id']}").json()


def test_the_new_task_has_what_the_earlier_one_had_and_starts_now(
    api: httpx.Client, earlier: str, api_database: str
) -> None:
    new = enqueued(api, rerun(api, earlier, **{"X-Request-ID": "r-7"}))
    assert {name: new[name] for name in FIELDS} == FIELDS
    assert (new["status"], new["scheduled_at"], new["request_id"]) == ("pending", None, "r-7")
    assert new["id"] != earlier
    listed = api.get(TASKS, params={"queue": "again"}).json()
    repeats = {task["id"]: task["rerun_of"] for task in listed}
    assert (repeats[new["id"]], repeats[earlier], new["rerun_of"]) == (earlier, None, earlier)
    details = {"queue": "again", "task_name": "send", "task_id": new["id"]}
    assert noted(api_database) == [("anonymous", "anonymous", "task.rerun", earlier, details)]
    assert linked(api_database, new["id"]) == (earlier, [])
    assert linked(api_database, earlier) == (None, [new["id"]])
    check_invariants(api_database, [earlier, new["id"]])


def linked(database: str, task_id: str) -> tuple[str | None, list[str]]:
    """The ids of the task that this one repeats, and of those that repeat it."""
    found = on_connections(database, partial(reruns_of, task_id=task_id))
    return found.earlier, [one.id for one in found.later]


CHANGES: dict[str, Any] = {
    "task_name": "resend",
    "module_path": "app.post",
    "queue_name": "slow",
    "args": [2],
    "kwargs": {},
    "max_retries": 0,
    "priority": 1,
    "ttl_seconds": 60,
    "metadata": {},
    "retry_delay": 0,
    "retry_backoff": True,
    "webhook_url": "https://example.org/2",
    "timeout_seconds": 1,
    "scheduled_at": "2098-01-01T00:00:00+00:00",
}


def test_the_body_changes_fields_and_null_takes_the_default(api: httpx.Client, earlier: str) -> None:
    fields = {*CHANGES, "profile", "key", "limits", "unique", "debounce"}
    assert fields == set(EnqueueRequest.__struct_fields__)
    assert fields | {"from_step", "from_occurrence"} == set(RerunRequest.__struct_fields__)
    new = enqueued(api, rerun(api, earlier, CHANGES))
    assert {name: new[name] for name in CHANGES} == CHANGES
    for name, value in CHANGES.items():
        one = enqueued(api, rerun(api, earlier, {name: value}))
        assert one[name] == value
        kept = FIELDS.keys() - {name}
        assert {field: one[field] for field in kept} == {field: FIELDS[field] for field in kept}, name
    nulls = dict.fromkeys(set(CHANGES) - {"task_name", "module_path"})
    fresh = enqueued(api, api.post("/api/v1/enqueue", json={"task_name": "send", "module_path": "app.mail"}))
    new = enqueued(api, rerun(api, earlier, nulls))
    assert {name: new[name] for name in CHANGES} == {name: fresh[name] for name in CHANGES}
    transient = rerun(api, earlier, {"ttl_seconds": 0})
    assert (transient.status_code, transient.json()) == (201, {"task_id": None, "ttl_seconds": 0})


def test_a_profile_is_for_the_run_that_asks_for_it(
    api: httpx.Client, earlier: str, db: psycopg.Connection
) -> None:
    new = enqueued(api, rerun(api, earlier, {"profile": True}))
    plain = enqueued(api, rerun(api, new["id"]))
    asked = {"task_name": "send", "module_path": "app.mail", "profile": True}
    first = enqueued(api, api.post("/api/v1/enqueue", json=asked))
    stored = "SELECT profile FROM lapinq_tasks WHERE id = %s"
    found = [db.execute(stored, (task["id"],)).fetchone() for task in (new, plain, first)]
    assert found == [(True,), (None,), (True,)]
    for refused in (
        rerun(api, earlier, {"profile": True, "ttl_seconds": 0}),
        api.post("/api/v1/enqueue", json={**asked, "ttl_seconds": 0}),
        api.post("/api/v1/enqueue", json={**asked, "profile": "yes"}),
    ):
        assert (refused.status_code, refused.json()["details"][0]["loc"]) == (400, "profile")
    assert api.get(f"{TASKS}/{new['id']}/attempts/2026-01-31T12:00:00Z/profile").status_code == 404


def test_a_task_of_every_status_is_enqueued_again_and_stays_as_it_is(
    api: httpx.Client, made: dict[Status, str]
) -> None:
    for status, task_id in made.items():
        before = api.get(f"{TASKS}/{task_id}").json()
        new = enqueued(api, rerun(api, task_id))
        assert (new["status"], new["args"], new["attempts"]) == ("pending", before["args"], 0), status
        assert api.get(f"{TASKS}/{task_id}").json() == before


def test_results_that_arguments_name_are_put_in_and_the_new_task_is_in_no_workflow(
    api: httpx.Client, api_database: str, serve: Serve
) -> None:
    ids = on_connections(api_database, workflow)
    new = enqueued(api, rerun(api, ids["child"]))
    assert (new["args"], new["kwargs"]) == ([[RESULT], {"$other": "a"}], {"of": None})
    assert not is_of_workflow(new["id"])
    new = enqueued(api, rerun(api, ids["child"], {"args": [{"$outcome": "parent"}], "kwargs": {}}))
    assert new["args"] == [{"status": "completed", "result": RESULT, "error": None}]
    # Of any other task it is data.
    args = [{"$result": "parent"}]
    assert enqueued(api, rerun(api, new["id"], {"args": args}))["args"] == args

    refused = rerun(serve(max_payload_size=1024), ids["child"], {"args": args * 20})
    assert (refused.status_code, refused.json()["error"]) == (
        413,
        "the results that its arguments name have 2220 bytes together, more than 1024",
    )
    check_invariants(api_database, list(ids.values()))


async def workflow(conn: Conn) -> dict[str, str]:
    """The ids of a completed task, and of one whose arguments name its result."""
    arguments: dict[str, Any] = {
        "args": [[{"$result": "parent"}], {"$other": "a"}],
        "kwargs": {"of": {"$result": "gone"}},
    }
    parents = [member(ref, new_task(queue_name="of workflows")) for ref in ("parent", "gone")]
    child = member("child", new_task(queue_name="of workflows", **arguments), after_failure="run")
    ids = await store(conn, [*parents, child])
    (claimed,) = await claim(conn, await add_worker(conn), 1, "of workflows")
    await complete(conn, [claimed], msgspec.json.encode(RESULT).decode())
    await actions.cancel(conn, ids["gone"])
    return ids


def test_a_repeated_request_stores_one_task_and_one_audit_entry(
    api: httpx.Client, earlier: str, db: psycopg.Connection
) -> None:
    for number, key in enumerate(("mine", f"task-{new_id()}")):
        headers = {"Idempotency-Key": key}
        first = rerun(api, earlier, {"priority": number}, **headers)
        again = rerun(api, earlier, {"priority": number}, **headers)
        assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert rerun(api, earlier, {"priority": 9}, **headers).status_code == 409
        counted = "SELECT count(*) FROM lapinq_audit WHERE details ->> 'task_id' = %s"
        assert db.execute(counted, (first.json()["task_id"],)).fetchone() == (1,)


def test_what_an_enqueue_refuses_is_refused(api: httpx.Client, earlier: str, serve: Serve) -> None:
    assert rerun(api, new_id()).status_code == 404
    rows: list[Row] = [
        ({"nope": 1}, "nope"),
        ({"task_name": None}, "task_name"),
        ({"webhook_url": "ftp://x/"}, "webhook_url"),
        ({"args": {}}, "args"),
    ]
    check_refused(api, "POST", f"{TASKS}/{earlier}/rerun", rows)
    strict = serve(allowed_modules=("other.*",))
    refused = rerun(strict, earlier)
    assert (refused.status_code, refused.json()["details"][0]["loc"]) == (400, "module_path")
    assert msgspec.json.decode(rerun(strict, earlier, {"module_path": "other.m"}).content)["task_id"]
