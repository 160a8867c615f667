"""What becomes of somebody while the body of their request is on its way counts."""

from collections.abc import Iterator

import httpx
import pytest

from lapinq_api.credentials import caller
from tests.support.http.people import PASSWORD, add_user, browser

pytestmark = pytest.mark.http


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/admin/users", b'{"username": "friend of %d", "password": "correct horse", "role": "admin"}'),
        ("/admin/users/%d/role", b'{"role": "admin"}'),
        ("/api/v1/keys", b'{"name": "friend of %d", "scopes": ["manage"]}'),
    ],
)
def test_who_is_no_admin_any_more_when_the_body_is_there_changes_nothing(
    api: httpx.Client, signed_in: httpx.Client, path: str, body: bytes
) -> None:
    admin = add_user(signed_in, "admin")

    def slowly() -> Iterator[bytes]:
        yield b" "
        answer = signed_in.post(f"/admin/users/{admin['id']}/role", json={"role": "user"})
        assert answer.status_code == 200
        yield body.replace(b"%d", b"%d" % admin["id"])

    with browser(api, admin["username"], PASSWORD) as client:
        answer = client.post(
            path.replace("%d", str(admin["id"])),
            content=slowly(),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 403
        assert client.get("/me").json()["role"] == "user"


def test_who_is_gone_when_the_body_is_there_changes_nothing(
    api: httpx.Client, signed_in: httpx.Client
) -> None:
    admin = add_user(signed_in, "admin")

    def slowly() -> Iterator[bytes]:
        yield b" "
        assert signed_in.delete(f"/admin/users/{admin['id']}").status_code == 200
        yield b'{"username": "heir", "password": "correct horse", "role": "admin"}'

    with browser(api, admin["username"], PASSWORD) as client:
        answer = client.post("/admin/users", content=slowly(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 401


def test_who_may_no_more_when_the_body_is_there_changes_nothing(
    api: httpx.Client, signed_in: httpx.Client, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "RECHECK_SECONDS", 0.0)
    user = add_user(signed_in, "user", **{queue: ["pause"]})

    def slowly() -> Iterator[bytes]:
        yield b" "
        answer = signed_in.post(f"/admin/users/{user['id']}/permissions", json={"queues": {}})
        assert answer.status_code == 200
        yield b"{}"

    path = f"/api/v1/queues/{queue}/pause"
    with browser(api, user["username"], PASSWORD) as client:
        answer = client.post(path, content=slowly(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 403
    assert api.get(f"/api/v1/queues/{queue}").status_code == 404, "it was never paused"


def test_a_key_that_is_gone_when_the_body_is_there_enqueues_nothing(
    keyed: httpx.Client, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "RECHECK_SECONDS", 0.0)
    key = keyed.post("/api/v1/keys", json={"name": queue, "scopes": ["enqueue"]}).json()

    def slowly() -> Iterator[bytes]:
        yield b" "
        assert keyed.delete(f"/api/v1/keys/{key['id']}").status_code == 200
        yield b'{"task_name": "send", "module_path": "app.mail", "queue_name": "%s"}' % queue.encode()

    headers = {"Content-Type": "application/json", "X-API-Key": key["key"]}
    assert (
        keyed.post("/api/v1/enqueue/batch", content=b"[]", headers=headers).status_code == 201
    )  # it is known
    answer = keyed.post("/api/v1/enqueue", content=slowly(), headers=headers)
    assert answer.status_code == 401
    assert keyed.get("/api/v1/tasks", params={"queue": queue}).json() == []
