"""The audit log over HTTP: its entries for actions on tasks and queues, and how to read them."""

from typing import Any

import httpx

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import Status
from tests.support.http.refusals import check_queries_refused
from tests.support.http.schedules_over_http import pages

AUDIT = "/api/v1/audit"


def entries(admin: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    response = admin.get(AUDIT, params=query)
    assert response.status_code == 200, response.text
    return response.json()


def test_what_is_done_to_a_task_is_noted_with_its_queue_and_name(
    api: httpx.Client, keyed: httpx.Client, made: dict[Status, str], held: Claim
) -> None:
    pending, failed = made[Status.PENDING], made[Status.FAILED]
    api.delete(f"/api/v1/tasks/{pending}", headers={"X-Request-ID": "cancel-1"})
    keyed.delete(f"/api/v1/tasks/{held.id}?running=true")
    api.post(f"/api/v1/tasks/{failed}/requeue")
    [cancel] = entries(keyed, target=pending)
    queue = api.get(f"/api/v1/tasks/{pending}").json()["queue_name"]
    assert list(cancel) == ["id", "at", "actor", "action", "target", "details", "address", "request_id"]
    assert cancel["actor"] == {"kind": "anonymous", "id": None, "name": "anonymous"}
    assert (cancel["action"], cancel["details"]) == ("task.cancel", {"queue": queue, "task_name": "add"})
    assert (cancel["address"], cancel["request_id"]) == ("127.0.0.1", "cancel-1")
    [asked] = entries(keyed, target=held.id)
    assert asked["action"] == "task.cancel_request"
    assert asked["actor"] == {"kind": "key", "id": None, "name": "LAPINQ_API_KEY"}
    assert [entry["action"] for entry in entries(keyed, target=failed)] == ["task.requeue"]


def test_pages_are_newest_first_and_can_be_narrowed(api: httpx.Client, keyed: httpx.Client) -> None:
    for _ in range(2):
        api.post("/api/v1/queues/paged/pause")
        api.post("/api/v1/queues/paged/resume")
    everything = entries(keyed, target="paged")
    assert [entry["action"] for entry in everything] == ["queue.resume", "queue.pause"] * 2
    assert [one for page in pages(keyed, AUDIT, target="paged", limit=3) for one in page] == everything
    middle = everything[1]["at"]
    assert entries(keyed, target="paged", since=middle) == everything[:2]
    assert entries(keyed, target="paged", until=middle) == everything[2:]
    assert entries(keyed, target="paged", until=middle.removesuffix("+00:00")) == everything[2:]
    assert entries(keyed, target="paged", action="queue.pause", limit=1) == [everything[1]]
    assert entries(keyed, target="paged", actor="nobody") == []


WRONG: dict[str, tuple[str, ...]] = {
    "limit": ("0", "1001", "x"),
    "since": ("", "2026-13-01", "2026-01-01T00:00:00 00:00"),
    "until": ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    "cursor": ("", "x" * 12, "é" * 11),
    "actor": ("", "\x00", "x" * 1001),
    "action": ("",),
    "target": ("a\x00",),
    "queue": ("mail",),
}


def test_a_wrong_filter_is_refused_by_its_name_and_any_other_is_a_value(keyed: httpx.Client) -> None:
    rows = [({name: value}, name) for name, values in WRONG.items() for value in values]
    check_queries_refused(keyed, "GET", AUDIT, rows)
    for name in ("actor", "action", "target"):
        for text in ("' OR 1=1 --", "%", "{}", "%(actor)s"):
            assert entries(keyed, **{name: text}) == []
    for cursor in ("A" * 11, "_" * 11, "gAAAAAAAAAA"):  # any place can be gone on from
        entries(keyed, cursor=cursor)
