"""The audit log has failed logins and refused changes, and not more of them than it can hold."""

from typing import Any

import httpx
import pytest

from lapinq_api.auth import refusal_log
from tests.integration.lapinq_api.conftest import Serve
from tests.support.http.people import PASSWORD, add_user, browser


@pytest.fixture
def master(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    monkeypatch.setattr(refusal_log, "MAX_PER_CALLER", 3)
    monkeypatch.setattr(refusal_log, "MAX_LOGINS", 4)
    client = serve(api_key="the master's key", session_secret="s")
    client.headers["X-API-Key"] = "the master's key"
    return client


def entries(master: httpx.Client, action: str) -> list[dict[str, Any]]:
    return master.get("/api/v1/audit", params={"action": action}).json()


def test_failed_logins_are_noted_without_what_was_typed_for_a_name(master: httpx.Client) -> None:
    user = add_user(master)
    for username in ("my secret password", user["username"].upper()):
        for _ in range(3):
            assert master.post("/login", data={"username": username, "password": "wrong"}).status_code == 401
    noted = entries(master, "session.login_failed")
    assert [entry["target"] for entry in noted] == [user["username"]] + [None] * 3
    for entry in noted:
        assert entry["actor"] == {"kind": "anonymous", "id": None, "name": "anonymous"}
        assert (entry["address"], entry["details"]) == ("127.0.0.1", None)
        assert entry["request_id"]


def test_changes_that_are_refused_to_somebody_known_are_noted(master: httpx.Client) -> None:
    user = add_user(master)
    made = master.post("/api/v1/keys", json={"name": "a reader", "scopes": ["read"]}).json()
    with browser(master, user["username"], PASSWORD) as person:
        assert person.get("/admin/audit").status_code == 403  # it changes nothing
        for _ in range(2):
            assert person.post("/api/v1/queues/video/pause").status_code == 403
        guess = {"current_password": "wrong", "new_password": "something new"}
        for _ in range(3):
            assert person.post("/account/password", json=guess).status_code == 403
    reader = {"X-API-Key": made["key"]}
    assert master.delete("/api/v1/tasks?args=secret", headers=reader).status_code == 403
    with browser(master, None) as stranger:
        assert stranger.delete("/api/v1/tasks").status_code == 401
    key, password, pause, _ = entries(master, "request.refused")
    assert key["actor"] == {"kind": "key", "id": made["id"], "name": "a reader"}
    assert (password["target"], pause["target"]) == (
        "POST /account/password",
        "POST /api/v1/queues/video/pause",
    )
    assert key["target"] == "DELETE /api/v1/tasks"
    assert key["details"] == {"error": "a reader may not delete: this needs a key with the scope manage"}
    assert password["details"] == {"error": "the current password is wrong"}
    assert pause["actor"] == {"kind": "user", "id": user["id"], "name": user["username"]}
