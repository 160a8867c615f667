"""Closing, cancelling and retrying over HTTP: answers, refusals, and audit entries."""

from typing import Any

import httpx
import psycopg

from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.integration.lapinq_api.routes.workflows.asked import PATH, body, task
from tests.support.database.ready_channels import waking
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, claim, complete

NIL = "00000000-0000-7000-8000-000000000000"


def recorded(db: psycopg.Connection, workflow: str) -> list[Any]:
    rows = db.execute(
        "SELECT action, actor, details FROM lapinq_audit WHERE target = %s ORDER BY id", (workflow,)
    )
    return rows.fetchall()


def run(url: str, queue: str, error: str | None = None) -> None:
    """Runs the task that is ready in the queue. It completes, or fails with `error`."""

    async def run_it(conn: Conn) -> None:
        [held] = await claim(conn, await add_worker(conn), queue=queue)
        if error is None:
            await complete(conn, [held])
        else:
            await worker_verbs.settle(conn, [Ended(held.id, held.token, True, True, 0, error)])

    on_connections(url, run_it)


def test_what_failed_is_retried_with_what_follows(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    tasks = [
        task("a", queue_name=queue),
        task("b", "a"),
        task("c", "a", after_failure="run", queue_name=f"{queue} c"),
    ]
    path = f"{PATH}/{api.post(PATH, json=body(*tasks)).json()['workflow_id']}"
    refused = api.post(f"{path}/retry")
    told = "no task of the workflow has failed or expired. A retry runs these again"
    assert (refused.status_code, told in refused.json()["error"]) == (409, True)
    run(api_database, queue, "ValueError: no")
    run(api_database, f"{queue} c")

    def states() -> dict[str, Any]:
        return {one["ref"]: (one["status"], one["cause"]) for one in api.get(path).json()["tasks"]}

    assert states() == {"a": ("failed", None), "b": ("cancelled", "a"), "c": ("completed", None)}
    with waking(db, queue):
        retried = api.post(f"{path}/retry")
    assert (retried.status_code, retried.json()) == (200, {"id": path.rpartition("/")[2], "retried": 3})
    assert api.get(path).json()["round"] == 2
    assert states() == {"a": ("pending", None), "b": ("blocked", None), "c": ("blocked", None)}
    assert recorded(db, path.rpartition("/")[2]) == [("workflow.retry", "anonymous", {"count": 3})]


def test_a_unique_key_that_another_task_has_by_now_refuses_a_retry(
    api: httpx.Client, api_database: str, queue: str
) -> None:
    unique = {"queue_name": queue, "unique": {"key": "k"}}
    path = f"{PATH}/{api.post(PATH, json=body(task('a', **unique))).json()['workflow_id']}"
    run(api_database, queue, "ValueError: no")
    [other] = api.post(PATH, json=body(task("a", **unique))).json()["task_ids"].values()
    refused = api.post(f"{path}/retry")
    assert (refused.status_code, refused.json()["task_id"]) == (409, other)
    assert refused.json()["error"] == f"the task {other} has the unique key of 'a'"
    assert api.get(path).json()["round"] == 1


def test_a_workflow_is_closed_once(api: httpx.Client, db: psycopg.Connection) -> None:
    made = api.post(PATH, json=body(open=True)).json()["workflow_id"]
    for _ in range(2):
        closed = api.post(f"{PATH}/{made}/close")
        assert (closed.status_code, closed.json()) == (200, {"id": made, "open": False})
    found = api.get(f"{PATH}/{made}").json()
    assert (found["open"], found["status"]) == (False, "completed")
    assert recorded(db, made) == [("workflow.close", "anonymous", {"name": "report"})]


def test_what_has_not_ended_is_cancelled(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    tasks = [task("a", queue_name=queue), task("b", "a"), task("c")]
    made = api.post(PATH, json=body(*tasks, open=True)).json()["workflow_id"]

    async def start(conn: Conn) -> None:
        assert await claim(conn, await add_worker(conn), queue=queue)

    on_connections(api_database, start)
    answers = [api.delete(f"{PATH}/{made}") for _ in range(2)]
    assert [(one.status_code, one.json()) for one in answers] == [
        (200, {"id": made, "cancelled": 3}),
        (200, {"id": made, "cancelled": 0}),
    ]
    found = api.get(f"{PATH}/{made}").json()
    assert (found["status"], found["open"]) == ("running", False)  # "a" has been asked to stop
    assert {name: count for name, count in found["counts"].items() if count} == {"running": 1, "cancelled": 2}
    refused = api.post(f"{PATH}/{made}/retry")
    assert refused.status_code == 409
    details = [details for _, _, details in recorded(db, made)]
    assert details == [{"name": "report", "count": 3}, {"name": "report", "count": 0}]


def test_an_unknown_workflow_is_not_found(api: httpx.Client) -> None:
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/close"), ("POST", "/retry")):
        answer = api.request(method, f"{PATH}/{NIL}{rest}")
        assert (answer.status_code, answer.json()) == (404, {"error": "there is no workflow with this id"})
