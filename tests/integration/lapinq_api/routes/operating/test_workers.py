"""Workers over HTTP: what is told of them, and what they may be asked. The rules are in `tests/integration/fleet`."""

import uuid
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from lapinq.server import create_app
from lapinq_core.domain.tasks.claim import Claim
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.http.serving import serving
from tests.support.rows.factories import add_worker

pytestmark = pytest.mark.http

ORDERS = ("quiet", "resume", "stop")


@pytest.fixture
def worker(api_database: str) -> str:
    """The id of a worker that is alive."""
    return on_connections(api_database, partial(add_worker, name="box-7", queues=["mail"]))


def path(worker: str, order: str = "") -> str:
    return f"/api/v1/workers/{worker}{order and '/'}{order}"


def test_one_is_shown_as_in_the_list_and_with_what_it_runs(
    api: httpx.Client, worker: str, held: Claim
) -> None:
    alone = api.get(path(worker)).json()
    answer = api.get("/api/v1/workers").json()
    assert answer["more"] == 0
    [listed] = [one for one in answer["workers"] if one["id"] == worker]
    assert {**listed, "beat_age": 0} == {**alone, "beat_age": 0}
    assert (alone["name"], alone["queues"], alone["state"]) == ("box-7", ["mail"], "alive")
    assert (alone["asked_to"], alone["memory_bytes"], alone["tasks"]) == (None, None, [])
    assert alone["started_at"].endswith("+00:00")
    [busy] = [one for one in answer["workers"] if one["task_count"]]
    [task] = busy["tasks"]
    assert (task["id"], task["task_name"], task["queue_name"]) == (held.id, held.task_name, held.queue_name)
    assert task["seconds"] >= 0


def test_what_it_is_asked_stands_in_the_answer_and_in_the_audit_log(
    signed_in: httpx.Client, worker: str
) -> None:
    quiet = signed_in.post(path(worker, "quiet")).json()
    assert (quiet["asked_to"], quiet["asked_by"], bool(quiet["asked_at"])) == ("quiet", "lapinq", True)
    assert signed_in.post(path(worker, "resume"), json={}).json()["asked_to"] is None
    assert signed_in.post(path(worker.upper(), "stop")).json()["asked_to"] == "stop"
    assert signed_in.post(path(worker, "resume")).status_code == 409  # a stop is not taken back
    entries = signed_in.get("/api/v1/audit", params={"target": worker}).json()
    assert [entry["action"] for entry in entries] == ["worker.stop", "worker.resume", "worker.quiet"]
    assert {entry["actor"]["name"] for entry in entries} == {"lapinq"}


def test_what_is_no_worker_or_a_dead_one_is_asked_for_nothing(
    api: httpx.Client, worker: str, db: psycopg.Connection
) -> None:
    unknown = str(uuid.uuid4())
    for order in ORDERS:
        for answer in (api.get(path(unknown)), api.post(path(unknown, order))):
            assert (answer.status_code, answer.json()) == (404, {"error": "there is no worker with this id"})
        malformed = api.post(path("x", order))
        assert (malformed.status_code, malformed.json()["details"][0]["loc"]) == (400, "id")
        assert api.post(path(worker, order), json={"reason": "x"}).status_code == 400
    assert api.get(path(worker)).json()["asked_at"] is None
    db.execute("UPDATE lapinq_workers SET dead_at = now() WHERE id = %s", (worker,))
    for order in ORDERS:
        answer = api.post(path(worker, order))
        assert (answer.status_code, answer.json()) == (409, {"error": "this worker was declared dead"})
    assert api.get(path(worker)).json()["state"] == "dead"


def test_a_server_goes_on_without_its_worker_until_it_starts_anew(
    database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LAPINQ_HEARTBEAT_INTERVAL", "0.2")
    task = {"task_name": "factorial", "module_path": "math", "args": [3]}

    def workers(client: httpx.Client) -> list[dict[str, Any]]:
        return client.get("/api/v1/workers").json()["workers"]

    def status(client: httpx.Client) -> str:
        return client.get(f"/api/v1/tasks/{waiting}").json()["status"]

    app = create_app(database, worker=True)
    with serving(app) as client, caplog.at_level("INFO"):
        [worker] = eventually(lambda: workers(client))
        assert client.post(path(worker["id"], "stop")).status_code == 200
        eventually(lambda: "the worker has stopped, as requested" in caplog.text)
        assert workers(client) == []
        waiting = client.post("/api/v1/enqueue", json=task).json()["task_id"]
        assert client.get("/readyz").status_code == 200
        assert client.get("/metrics").status_code == 200
        assert status(client) == "pending"
    with serving(app) as client:
        eventually(lambda: status(client) == "completed")
