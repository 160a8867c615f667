"""What becomes of somebody while the body of their request is on its way counts."""

from collections.abc import Callable, Iterator

import httpx
import msgspec
import pytest

from lapinq_api.credentials import caller
from tests.integration.lapinq_api.routes.workflows.asked import PATH, task
from tests.support.http.people import PASSWORD, add_user, browser

pytestmark = pytest.mark.http

FRIEND = b'{"username": "friend of %d", "password": "correct horse", "role": "admin"}'


def send_slowly(
    client: httpx.Client,
    path: str,
    body: bytes,
    meanwhile: Callable[[], httpx.Response],
    method: str = "POST",
) -> int:
    """The status of a request whose body ends after something else has succeeded."""

    def parts() -> Iterator[bytes]:
        yield b" "
        assert meanwhile().is_success
        yield body

    headers = {"Content-Type": "application/json"}
    return client.request(method, path, content=parts(), headers=headers).status_code


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/admin/users", FRIEND),
        ("/admin/users/%d/role", b'{"role": "admin"}'),
        ("/api/v1/keys", b'{"name": "friend of %d", "scopes": ["manage"]}'),
    ],
)
def test_who_is_no_admin_any_more_or_gone_when_the_body_is_there_changes_nothing(
    api: httpx.Client, signed_in: httpx.Client, path: str, body: bytes
) -> None:
    admin = add_user(signed_in, "admin")
    user = f"/admin/users/{admin['id']}"
    path, body = path.replace("%d", str(admin["id"])), body.replace(b"%d", b"%d" % admin["id"])

    def demote() -> httpx.Response:
        return signed_in.post(f"{user}/role", json={"role": "user"})

    with browser(api, admin["username"], PASSWORD) as client:
        assert send_slowly(client, path, body, demote) == 403
        assert client.get("/me").json()["role"] == "user"
        signed_in.post(f"{user}/role", json={"role": "admin"})
        assert send_slowly(client, path, body, lambda: signed_in.delete(user)) == 401


def test_who_may_no_more_when_the_body_is_there_changes_nothing(
    api: httpx.Client, signed_in: httpx.Client, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "RECHECK_SECONDS", 0.0)
    user = add_user(signed_in, "user", **{queue: ["pause"]})

    def take_away() -> httpx.Response:
        return signed_in.post(f"/admin/users/{user['id']}/permissions", json={"queues": {}})

    with browser(api, user["username"], PASSWORD) as client:
        assert send_slowly(client, f"/api/v1/queues/{queue}/pause", b"{}", take_away) == 403
    assert api.get(f"/api/v1/queues/{queue}").status_code == 404, "it was never paused"


def test_a_key_that_is_gone_when_the_body_is_there_enqueues_nothing(
    keyed: httpx.Client, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "RECHECK_SECONDS", 0.0)
    key = keyed.post("/api/v1/keys", json={"name": queue, "scopes": ["enqueue"]}).json()
    task = b'{"task_name": "send", "module_path": "app.mail", "queue_name": "%s"}' % queue.encode()

    def delete() -> httpx.Response:
        return keyed.delete(f"/api/v1/keys/{key['id']}")

    with browser(keyed, None) as client:
        client.headers["X-API-Key"] = key["key"]
        assert client.post("/api/v1/enqueue/batch", json=[]).status_code == 201  # it is known

        assert send_slowly(client, "/api/v1/enqueue", task, delete) == 401
    assert keyed.get("/api/v1/tasks", params={"queue": queue}).json() == []


@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [
        ("POST", "/tasks", msgspec.json.encode({"tasks": [task("late", queue_name="mail")]})),
        ("POST", "/close", b"{}"),
        ("DELETE", "", b"{}"),
        ("POST", "/retry", b"{}"),
    ],
)
def test_a_workflow_that_spreads_to_another_queue_before_the_body_is_there_is_out_of_reach(
    keyed: httpx.Client, method: str, verb: str, body: bytes
) -> None:
    key = {"name": f"{method} {verb}", "scopes": ["enqueue", "manage"], "queues": ["mail"]}
    asked = {"name": "report", "open": True, "tasks": [task("a", queue_name="mail")]}
    workflow = f"{PATH}/{keyed.post(PATH, json=asked).json()['workflow_id']}"

    def spread() -> httpx.Response:
        return keyed.post(f"{workflow}/tasks", json={"tasks": [task("b", queue_name="video")]})

    with browser(keyed, None) as client:
        client.headers["X-API-Key"] = keyed.post("/api/v1/keys", json=key).json()["key"]
        assert client.post(f"{workflow}/tasks", json={"tasks": []}).status_code == 201
        assert send_slowly(client, workflow + verb, body, spread, method) == 404
    found = keyed.get(workflow).json()
    assert (found["open"], found["counts"]["pending"]) == (True, 2)
