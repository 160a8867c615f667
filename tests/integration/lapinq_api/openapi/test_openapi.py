"""The description that a server gives of itself, and whether what the database answers is as described."""

import re
from http import HTTPStatus
from typing import Any

import httpx
import msgspec
import pytest

from lapinq_api.operations.bodies.objects import AttemptObject, AttemptOutcome, ResultObject, TaskObject
from lapinq_api.routes import OPERATIONS
from lapinq_api.routes.tasks.results import NotFinished
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.running import on_connections
from tests.support.rows.durable import suspend, wait_for
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.http


def fits(value: Any, struct: type[msgspec.Struct]) -> None:
    """That `value` has every field of `struct`, in their order and each of its type, and no other."""
    assert tuple(value) == struct.__struct_fields__
    msgspec.convert(value, struct)


def test_what_is_read_without_parameters_needs_none(api: httpx.Client) -> None:
    reads = [one for one in OPERATIONS if one.method == "GET" and "{" not in one.path]
    refused = {one.path for one in reads if api.get(one.path).status_code == HTTPStatus.BAD_REQUEST}
    # JSON Schema can't say of parameters that cron or every is needed.
    required = {one.path for one in reads if any(each.is_required for each in one.parameters)}
    assert refused == required | {"/api/v1/schedules/preview"}


# What the database answers as text


def test_tasks_results_and_attempts_of_every_kind_are_as_described(
    api: httpx.Client, api_database: str, made: dict[Status, str], held: Claim
) -> None:
    async def snooze(conn: Conn) -> None:
        await worker_verbs.settle(
            conn, [Ended(held.id, held.token, final=False, counts=False, delay=60, error=None)]
        )

    async def wait(conn: Conn) -> str:
        [task_id] = await enqueue(conn, queue_name="waits")
        [claimed] = await claim(conn, await add_worker(conn), queue="waits")
        await wait_for(conn, claimed, "approved")
        await suspend(conn, claimed)
        return task_id

    on_connections(api_database, snooze)
    suspended = on_connections(api_database, wait)
    fits(api.get(f"/api/v1/tasks/{suspended}").json(), TaskObject)
    for status, task_id in made.items():
        path = f"/api/v1/tasks/{task_id}"
        fits(api.get(path).json(), TaskObject)
        for task in api.get("/api/v1/tasks", params={"status": status}).json():
            fits(task, TaskObject)
        fits(api.get(f"{path}/result").json(), ResultObject if status in FINAL else NotFinished)
    for task in api.get("/api/v1/tasks/failed").json():
        fits(task, TaskObject)
    seen: set[str] = set()
    for task_id in (*made.values(), held.id, suspended):
        for attempt in api.get(f"/api/v1/tasks/{task_id}/attempts").json():
            fits(attempt, AttemptObject)
            seen.add(attempt["outcome"])
    assert seen == set(AttemptOutcome)


def test_a_task_object_with_all_there_can_be_is_as_described(api: httpx.Client) -> None:
    asked: dict[str, Any] = {
        "task_name": "t",
        "module_path": "m",
        "args": [1, None],
        "kwargs": {"a": []},
        "metadata": {"b": 1},
        "ttl_seconds": 90.5,
        "retry_delay": 2.5,
        "timeout_seconds": 1,
        "webhook_url": "https://a.example/",
        "scheduled_at": "2090-01-31T12:00:00Z",
    }
    task_id = api.post("/api/v1/enqueue", json=asked).json()["task_id"]
    shown = api.get(f"/api/v1/tasks/{task_id}").json()
    fits(shown, TaskObject)
    assert shown["scheduled_at"]
    assert shown["ttl_remaining"]


# The document and the page


def test_a_server_describes_itself_to_anybody(serve: Serve) -> None:
    closed = serve(api_key="a key")
    response = closed.get("/openapi.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document["openapi"].startswith("3.1.")
    assert document["servers"] == [{"url": "/"}]
    assert len([method for path in document["paths"].values() for method in path]) == len(OPERATIONS)
    for path in ("/openapi.json", "/docs"):
        assert closed.get(path).status_code == 200
        assert closed.get(path, params={"a": "b"}).status_code == 400
        refused = closed.post(path)
        assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


def test_a_fixed_path_is_not_taken_for_the_id_of_a_task(api: httpx.Client) -> None:
    for method, path in (("DELETE", "/api/v1/tasks/failed"), ("GET", "/api/v1/tasks/requeue")):
        assert api.request(method, path).status_code == 405


def test_the_page_has_a_place_for_every_operation_and_keeps_to_its_policy(api: httpx.Client) -> None:
    response = api.get("/docs")
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    page = response.text
    anchors = re.findall(r'\bid="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    assert {operation.handler.__name__ for operation in OPERATIONS} <= set(anchors)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(anchors)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert "<style" not in page
    assert not re.search(r'\s(style|on\w+)="', page)
    for address in re.findall(r'<(?:link|script) [^>]*(?:href|src)="([^"]+)"', page):
        assert api.get(f"/{address}").status_code == 200
