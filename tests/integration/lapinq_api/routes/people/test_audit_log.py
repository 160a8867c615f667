"""The audit log over HTTP: its entries for actions on tasks and queues, and how to read them."""

from typing import Any

import httpx
import pytest

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import Status
from tests.support.http.refusals import check_queries_refused

NIL = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def admin(keyed: httpx.Client) -> httpx.Client:
    """A client that sends the key of the settings."""
    return keyed


def entries(admin: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    response = admin.get("/api/v1/audit", params=query)
    assert response.status_code == 200, response.text
    return response.json()


def test_what_is_done_to_a_task_is_noted_with_its_queue_and_name(
    api: httpx.Client, admin: httpx.Client, made: dict[Status, str], held: Claim
) -> None:
    pending, failed = made[Status.PENDING], made[Status.FAILED]
    api.delete(f"/api/v1/tasks/{pending}", headers={"X-Request-ID": "cancel-1"})
    admin.delete(f"/api/v1/tasks/{held.id}?running=true")
    api.post(f"/api/v1/tasks/{failed}/requeue")
    [cancel] = entries(admin, target=pending)
    queue = api.get(f"/api/v1/tasks/{pending}").json()["queue_name"]
    assert list(cancel) == ["id", "at", "actor", "action", "target", "details", "address", "request_id"]
    assert cancel["actor"] == {"kind": "anonymous", "id": None, "name": "anonymous"}
    assert cancel["action"] == "task.cancel"
    assert cancel["details"] == {"queue": queue, "task_name": "add"}
    assert (cancel["address"], cancel["request_id"]) == ("127.0.0.1", "cancel-1")
    [asked] = entries(admin, target=held.id)
    assert asked["action"] == "task.cancel_request"
    assert asked["actor"] == {"kind": "key", "id": None, "name": "LAPINQ_API_KEY"}
    assert [entry["action"] for entry in entries(admin, target=failed)] == ["task.requeue"]


def test_pages_are_newest_first_and_can_be_narrowed(api: httpx.Client, admin: httpx.Client) -> None:
    for _ in range(5):
        api.post("/api/v1/queues/paged/pause")
        api.post("/api/v1/queues/paged/resume")
    everything = entries(admin, target="paged")
    assert [entry["action"] for entry in everything] == ["queue.resume", "queue.pause"] * 5
    assert [entry["id"] for entry in everything] == sorted((one["id"] for one in everything), reverse=True)

    seen: list[dict[str, Any]] = []
    query = {"target": "paged", "limit": "3"}
    while True:
        page = admin.get("/api/v1/audit", params=query)
        seen += page.json()
        if "x-next-cursor" not in page.headers:
            break
        query["cursor"] = page.headers["x-next-cursor"]
    assert seen == everything

    middle = everything[5]["at"]
    assert entries(admin, target="paged", since=middle) == everything[:6]
    assert entries(admin, target="paged", until=middle) == everything[6:]
    assert entries(admin, target="paged", until=middle, since=middle) == []
    assert entries(admin, target="paged", until=middle.removesuffix("+00:00")) == everything[6:]
    assert entries(admin, target="paged", action="queue.pause", limit=1) == [everything[1]]
    assert entries(admin, target="paged", actor="nobody") == []


WRONG: dict[str, tuple[str, ...]] = {
    "limit": ("0", "1001", "-1", "1.5", "x", "", "1e2", "9" * 30),
    "since": ("", "yesterday", "2026-13-01", "1", "2026-01-01T00:00:00 00:00", "\x00"),
    "until": ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "x" * 9999),
    "cursor": ("", "x", "x" * 12, "é" * 11),
    "actor": ("", "\x00", "x" * 1001),
    "action": ("",),
    "target": ("a\x00",),
    "queue": ("mail",),
}


def test_a_wrong_filter_is_refused_by_its_name_and_any_other_is_a_value(admin: httpx.Client) -> None:
    rows = [({name: value}, name) for name, values in WRONG.items() for value in values]
    check_queries_refused(admin, "GET", "/api/v1/audit", rows)
    for text in ("' OR 1=1 --", "%", "_", "\\", "{}", "%(actor)s", "🐇"):
        for name in ("actor", "action", "target"):
            assert entries(admin, **{name: text}) == []


def test_every_cursor_of_the_right_form_is_taken(admin: httpx.Client) -> None:
    for cursor in ("A" * 11, "_" * 11, "-" * 11, "gAAAAAAAAAA", "f" * 11):
        assert admin.get("/api/v1/audit", params={"cursor": cursor}).status_code == 200
