"""The published reference, line by line, as a program written for release 1.3.0 uses it: by key and by session."""

import json
import time
from collections.abc import Generator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from lapinq.server import create_app
from tests.support.eventually import eventually
from tests.support.programs.processes import ApiProcess

KEY = "the key of the reference"
MODULE = "tests.support.sample.tasks"
PUBLISHED_FIELDS = {
    "id", "task_name", "queue_name", "module_path", "args", "kwargs", "status", "result", "error", "attempts",
    "max_retries", "priority", "metadata", "progress", "progress_message", "retry_delay", "retry_backoff",
    "webhook_url", "ttl_seconds", "ttl_remaining", "worker_id", "created_at", "scheduled_at", "started_at",
    "completed_at",
}  # fmt: skip


@pytest.fixture(scope="module")
def address(postgres_url: str, template_database: str) -> Generator[str]:
    """Where a server listens that was started with the published flags."""
    from tests.support.database import postgres

    flags = ("--host", "127.0.0.1", "--worker", "--worker-concurrency", "4", "--cleanup-interval", "300")
    env = {"LAPINQ_API_KEY": KEY, "LAPINQ_SESSION_SECRET": "signs sessions"}
    with (
        postgres.private_database(postgres_url, template_database) as url,
        ApiProcess(url, *flags, env=env) as server,
    ):
        yield server.url


@pytest.fixture(scope="module")
def api(address: str) -> Generator[httpx.Client]:
    """A program that sends the key."""
    with httpx.Client(base_url=address, headers={"X-API-Key": KEY}, timeout=15, trust_env=False) as client:
        yield client


@pytest.fixture
def browser(address: str) -> Generator[httpx.Client]:
    """Somebody who logs in as the first user."""
    with httpx.Client(base_url=address, timeout=15, trust_env=False) as client:
        answer = client.post("/login", data={"username": "lapinq", "password": "lapinq"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert client.cookies.get("lapinq_session")
        yield client


def enqueue(api: httpx.Client, name: str, **fields: Any) -> str:
    answer = api.post("/api/v1/enqueue", json={"task_name": name, "module_path": MODULE, **fields})
    assert answer.status_code == 201, answer.text
    task_id: str = answer.json()["task_id"]
    return task_id


def result_of(api: httpx.Client, task_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        answer = api.get(f"/api/v1/tasks/{task_id}/result")
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body if "id" in body else None

    found = eventually(look, 30)
    assert found is not None
    return found


def test_a_task_with_every_field_runs(api: httpx.Client) -> None:
    assert callable(create_app)  # from its published place
    fields = {
        "queue_name": "every field",
        "args": [1],
        "kwargs": {"b": 2},
        "scheduled_at": "2020-01-01T00:00:00Z",
        "max_retries": 1,
        "priority": 5,
        "ttl_seconds": 3600,
        "metadata": {"from": "1.3.0"},
        "retry_delay": 1,
        "retry_backoff": False,
    }
    task_id = enqueue(api, "add", **fields)
    result = result_of(api, task_id)
    assert result.keys() == {"id", "status", "result", "error", "completed_at"}
    assert (result["status"], json.loads(result["result"])) == ("completed", 3)
    task = api.get(f"/api/v1/tasks/{task_id}").json()
    assert task.keys() >= PUBLISHED_FIELDS
    assert task["metadata"]["from"] == "1.3.0"
    kept = ("queue_name", "max_retries", "priority", "retry_backoff")
    assert [task[name] for name in kept] == [fields[name] for name in kept]


def test_a_batch_answers_its_ids_and_fire_and_forget_has_none(api: httpx.Client) -> None:
    entry = {"task_name": "add", "module_path": MODULE, "args": [1, 1]}
    forgotten = {**entry, "ttl_seconds": 0}
    answer = api.post("/api/v1/enqueue", json=forgotten)
    assert (answer.status_code, answer.json()) == (201, {"task_id": None, "ttl_seconds": 0})
    answer = api.post("/api/v1/enqueue/batch", json=[entry, forgotten, entry])
    assert answer.status_code == 201
    first, none, last = answer.json()["task_ids"]
    assert none is None
    assert {json.loads(result_of(api, task_id)["result"]) for task_id in (first, last)} == {2}


def test_a_waiting_task_is_unfinished_and_cancelled_once_and_a_failed_one_is_requeued(
    api: httpx.Client,
) -> None:
    waiting = enqueue(api, "noop", scheduled_at="2090-01-01T00:00:00")
    answer = api.get(f"/api/v1/tasks/{waiting}/result")
    unfinished = {"error": "task not finished", "status": "pending"}
    assert (answer.status_code, answer.json()) == (200, unfinished)
    answer = api.patch(f"/api/v1/tasks/{waiting}/progress", json={"progress": 50, "message": "half"})
    assert answer.status_code == 409  # progress is for what runs
    assert api.delete(f"/api/v1/tasks/{waiting}").status_code == 200
    assert api.delete(f"/api/v1/tasks/{waiting}").status_code == 404
    assert api.get(f"/api/v1/tasks/{waiting}").json()["status"] == "cancelled"
    failed = enqueue(api, "fail", args=["on purpose"], max_retries=0)
    assert result_of(api, failed)["status"] == "failed"
    assert api.post(f"/api/v1/tasks/{failed}/requeue").status_code == 200
    assert api.post(f"/api/v1/tasks/{waiting}/requeue").status_code == 404


def test_lists_are_plain_arrays_and_many_are_deleted_by_what_they_contain(api: httpx.Client) -> None:
    kept, *failed = [
        enqueue(api, "fail", args=[text], max_retries=0, queue_name="lists")
        for text in ("leave me", "delete me 1", "delete me 2")
    ]
    done = enqueue(api, "add", args=[2, 2], queue_name="lists")
    assert {result_of(api, task_id)["status"] for task_id in (kept, *failed)} == {"failed"}
    assert result_of(api, done)["status"] == "completed"
    in_lists = {"queue": "lists", "limit": 50}
    tasks = api.get("/api/v1/tasks", params=in_lists).json()
    assert [task["id"] for task in tasks] == [done, *reversed(failed), kept]
    by_status = api.get("/api/v1/tasks", params={"status": "failed", "task_name": "FAI"}).json()
    assert {kept, *failed} <= {task["id"] for task in by_status}
    dead = api.get("/api/v1/tasks/failed", params=in_lists).json()
    assert {task["id"] for task in dead} == {kept, *failed}
    [queue] = [one for one in api.get("/api/v1/queues").json() if one["queue_name"] == "lists"]
    none = dict.fromkeys(("pending", "running", "cancelled", "expired"), 0)
    assert queue == {"queue_name": "lists", "completed": 1, "failed": 3, **none}

    answer = api.delete("/api/v1/tasks", params={"status": "failed", "error": "DELETE ME"})
    assert (answer.status_code, answer.json()["deleted"]) == (200, 2)
    assert {api.get(f"/api/v1/tasks/{task_id}").status_code for task_id in failed} == {404}
    assert api.get(f"/api/v1/tasks/{kept}").status_code == 200


def test_health_and_metrics_are_public(address: str, api: httpx.Client) -> None:
    done = enqueue(api, "noop", queue_name="measured")
    result_of(api, done)
    assert httpx.get(f"{address}/health", trust_env=False).json() == {
        "status": "ok",
        "database": "connected",
    }

    def counted() -> bool:
        text = httpx.get(f"{address}/metrics", trust_env=False).text
        assert "# HELP lapinq_tasks Task counts by queue and status" in text
        assert "# TYPE lapinq_tasks gauge" in text
        return 'lapinq_tasks{queue="measured",status="completed"} 1.0' in text

    eventually(counted, 30)


def test_pages_and_the_api_take_a_session_as_long_as_it_lasts(address: str, browser: httpx.Client) -> None:
    with httpx.Client(base_url=address, trust_env=False) as client:
        for path in ("/", "/admin/users", "/account"):
            answer = client.get(path)
            assert answer.status_code in {302, 303, 307}, path
            assert answer.headers["location"].endswith("/login"), path
        assert client.get("/api/v1/queues").status_code == 401
        assert "<form" in client.get("/login").text
        answer = client.post("/login", data={"username": "lapinq", "password": "not it"})
        assert "Invalid credentials" in answer.text
        assert client.cookies.get("lapinq_session") is None
    assert browser.get("/api/v1/queues").status_code == 200
    assert browser.delete("/api/v1/tasks", params={"queue": "nothing here"}).json()["deleted"] == 0
    token = browser.cookies["lapinq_session"]
    assert browser.get("/logout").headers["location"].endswith("/login")
    browser.cookies.set("lapinq_session", token)
    assert browser.get("/").headers["location"].endswith("/login")


def test_an_admin_keeps_the_users(address: str, browser: httpx.Client) -> None:
    assert browser.get("/me").json().keys() >= {"id", "username", "role", "permissions"}
    assert browser.get("/admin/users").status_code == 200
    lisa = {"username": "lisa", "password": "correct horse"}
    created = browser.post("/admin/users", json={**lisa, "role": "user"})
    assert created.status_code in {200, 201}, created.text
    user = created.json()["id"]
    permissions = {"queues": {"video": ["delete", "cancel"]}}
    assert browser.post(f"/admin/users/{user}/permissions", json=permissions).is_success
    with httpx.Client(base_url=address, trust_env=False) as client:
        client.post("/login", data=lisa)
        me = client.get("/me").json()
        assert (me["role"], list(me["permissions"])) == ("user", ["video"])
        assert set(me["permissions"]["video"]) == {"delete", "cancel"}
        change = {"current_password": "correct horse", "new_password": "battery staple"}
        assert client.post("/account/password", json=change).is_success
    assert browser.post(f"/admin/users/{user}/role", json={"role": "admin"}).is_success
    assert browser.delete(f"/admin/users/{user}").is_success


def test_a_socket_shows_the_tasks_live(address: str, api: httpx.Client, browser: httpx.Client) -> None:
    with connect(f"{address.replace('http', 'ws', 1)}/ws") as socket:
        socket.send(json.dumps({"type": "auth", "token": browser.cookies["lapinq_session"]}))
        first = json.loads(socket.recv(timeout=10))
        assert first.keys() >= {"cards", "table", "user"}
        assert first["user"] == {"username": "lapinq", "role": "admin"}
        socket.send(json.dumps({"queue": "seen live"}))
        enqueue(api, "noop", queue_name="seen live", scheduled_at="2090-01-01T00:00:00")
        deadline = time.monotonic() + 20
        while "seen live" not in json.loads(socket.recv(timeout=10))["table"]:
            assert time.monotonic() < deadline
