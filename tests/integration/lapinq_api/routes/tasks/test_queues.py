"""Looking at one queue, pausing it and resuming it over HTTP."""

from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from lapinq_core.db import ready_notices
from lapinq_core.domain.tasks.state import Status
from tests.support.database import ready_channels
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, claim

COUNTED = ("pending", "running", "completed", "failed", "cancelled", "expired")


def path(queue: str, action: str = "") -> str:
    return f"/api/v1/queues/{quote(queue, safe='')}{action}"


def enqueue(api: httpx.Client, queue: str) -> None:
    task = {"task_name": "send", "module_path": "app.mail", "queue_name": queue}
    assert api.post("/api/v1/enqueue", json=task).status_code == 201


def told(answer: httpx.Response) -> dict[str, Any]:
    """A queue, without its workers: those of other tests come and go."""
    assert answer.status_code == 200
    return {field: value for field, value in answer.json().items() if field != "workers"}


def claimed(database: str, queue: str) -> int:
    async def take(conn: Conn) -> int:
        return len(await claim(conn, await add_worker(conn), 10, queue))

    return on_connections(database, take)


def test_a_paused_queue_starts_nothing_until_it_is_resumed_and_workers_are_woken(
    api: httpx.Client, db: psycopg.Connection, api_database: str
) -> None:
    enqueue(api, "mail")
    paused = told(api.post(path("mail", "/pause"), json={"reason": "out of stamps"}))
    assert (paused["paused_by"], paused["pause_reason"], paused["pending"]) == (
        "anonymous",
        "out of stamps",
        1,
    )
    assert told(api.get(path("mail"))) == paused
    assert claimed(api_database, "mail") == 0
    # to pause it again changes nothing
    assert told(api.post(path("mail", "/pause"), json={"reason": "really"})) == paused

    db.execute(ready_channels.LISTEN)
    try:
        resumed = api.post(path("mail", "/resume"))
        assert next(
            note for note in db.notifies(timeout=5) if ready_notices.read(note.payload).queue == "mail"
        )
    finally:
        db.execute("UNLISTEN *")
    assert told(resumed) == {**paused, "paused_at": None, "paused_by": None, "pause_reason": None}
    assert told(api.post(path("mail", "/resume"))) == told(resumed)
    assert claimed(api_database, "mail") == 1


def test_one_queue_is_counted_as_the_list_does_and_the_list_has_its_published_fields(
    api: httpx.Client, made: dict[Status, str]
) -> None:
    queue = api.get(f"/api/v1/tasks/{made[Status.PENDING]}").json()["queue_name"]
    api.post(path(queue, "/pause"))
    listed = next(one for one in api.get("/api/v1/queues").json() if one["queue_name"] == queue)
    assert listed == {"queue_name": queue, **dict.fromkeys(COUNTED, 1)}
    alone = api.get(path(queue)).json()
    assert {name: alone[name] for name in listed} == listed
    assert set(alone) - set(listed) == {
        "paused_at",
        "paused_by",
        "pause_reason",
        "waiting_since",
        "workers",
        "policy",
    }
    [detailed] = [one for one in api.get("/api/v1/queues?details=true").json() if one["queue_name"] == queue]
    assert detailed == {name: alone[name] for name in alone if name not in {"workers", "policy"}}
    assert detailed["waiting_since"]
    assert api.get("/api/v1/queues?details=1").status_code == 400


NO_POLICY: dict[str, Any] = {
    "max_running": None,
    "max_running_per_key": None,
    "rate": None,
    "rate_per_key": None,
    "order": "priority",
    "weights": None,
    "running": 0,
    "running_by_key": {},
    "tokens": None,
    "next_start_at": None,
    "breaker": None,
}


def test_a_queue_has_a_policy_until_its_fields_are_removed(api: httpx.Client, api_database: str) -> None:
    with psycopg.connect(api_database, autocommit=True) as db:
        db.execute(ready_channels.LISTEN)
        limited = api.patch(path("narrow"), json={"max_running": 2})
        assert next(
            note for note in db.notifies(timeout=5) if ready_notices.read(note.payload).queue == "narrow"
        )
    assert limited.status_code == 200
    assert limited.json()["policy"] == {**NO_POLICY, "max_running": 2}
    assert api.get(path("narrow")).json() == limited.json()
    more = {
        "max_running_per_key": 1,
        "rate": {"limit": 100, "period_seconds": 60},
        "rate_per_key": {"limit": 0.5, "period_seconds": 1.5, "burst": 2.5},
        "order": "fair",
        "weights": {"gold": 3, "x/y": 0.5},
    }
    changed = api.patch(path("narrow"), json=more).json()["policy"]
    assert changed == {
        **NO_POLICY,
        **more,
        "max_running": 2,
        "rate": {"limit": 100, "period_seconds": 60, "burst": 100},
        "tokens": 100,
    }
    with psycopg.connect(api_database) as db:
        noted = db.execute("SELECT details FROM lapinq_audit ORDER BY id DESC LIMIT 1").fetchone()
    assert noted == ({**more, "rate": changed["rate"]},)
    removed = api.patch(path("narrow"), json=dict.fromkeys(["max_running", *more])).json()["policy"]
    assert removed == NO_POLICY


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            {},
            "the body must have a field to change: max_running, max_running_per_key, rate, rate_per_key, order,"
            " weights, breaker",
        ),
        ({"max_running": 0}, "max_running must be from 1 to 1,000,000, or null for no limit"),
        (
            {"max_running_per_key": 1_000_001},
            "max_running_per_key must be from 1 to 1,000,000, or null for no limit",
        ),
        ({"max_running": True}, "max_running must be an integer, not a boolean"),
        ({"max_runing": 1}, "max_runing is not a known field (did you mean 'max_running'?)"),
        ({"rate": 5}, "rate must be an object, not an integer"),
        ({"rate": {"limit": 5}}, "rate.period_seconds is required"),
        (
            {"rate": {"limit": 0, "period_seconds": 1}},
            "rate.limit must be more than 0, and at most 1,000,000,000",
        ),
        ({"rate": {"limit": None, "period_seconds": 1}}, "rate.limit must be a number, not null"),
        (
            {"rate_per_key": {"limit": 1, "period_seconds": -1}},
            "rate_per_key.period_seconds must be more than 0, and at most 31,536,000 (a year)",
        ),
        (
            {"rate": {"limit": 5, "period_seconds": 1, "burst": 0}},
            "rate.burst must be from 1 to 1,000,000,000: with less than 1 nothing could start",
        ),
        ({"order": "random"}, "order must be one of priority, fair, strict_per_key"),
        (
            {"rate_per_key": {"limit": 1e-6, "period_seconds": 31_536_000}},
            "rate_per_key.limit is too low: the bucket would take more than 100 years to fill",
        ),
        ({"weights": {"gold": 0}}, "weights.gold must be from 0.001 to 1,000"),
        ({"weights": {"gold": 1e-310}}, "weights.gold must be from 0.001 to 1,000"),
        ({"weights": {"tin": 1, "gold": "3"}}, "weights.gold must be a number, not a string"),
        ({"weights": {"gold": None}}, "weights.gold must be a number, not null"),
        ({"weights": {"gold": True}}, "weights.gold must be a number, not a boolean"),
        ({"weights": {"": 1}}, "weights must have keys of 1 to 255 characters"),
        ({"weights": {"a\0": 1}}, "weights must not contain the character NUL"),
        ({"weights": {str(n): 1 for n in range(1001)}}, "weights must have at most 1,000 keys"),
    ],
)
def test_a_value_that_no_policy_has_is_refused(api: httpx.Client, body: dict[str, Any], error: str) -> None:
    refused = api.patch(path("narrow"), json=body)
    assert (refused.status_code, refused.json()["error"]) == (400, error)


def test_a_queue_is_known_by_its_tasks_or_by_having_been_paused(api: httpx.Client) -> None:
    for call in (api.get(path("unheard of")), api.post(path("unheard of", "/resume"))):
        assert call.status_code == 404
        assert call.json() == {
            "error": "there is no queue with this name: it has no tasks, and nobody paused or limited it"
        }
    assert api.post(path("unheard of", "/pause")).status_code == 200
    assert api.get(path("unheard of")).json()["paused_at"]
    assert "unheard of" not in {one["queue_name"] for one in api.get("/api/v1/queues").json()}
    assert api.post(path("unheard of", "/resume")).status_code == 200
    assert api.get(path("unheard of")).json()["paused_at"] is None


@pytest.mark.parametrize(
    "queue",
    [
        "a/b",
        "a/",
        "/a",
        "two words",
        " x",
        "ü🐇",
        "100%",
        "%2F",
        "?#&=+;:@",
        "pause",
        "x/pause",
        "résumé/resume",
        "\\",
        "'",
    ],
)
def test_a_name_may_be_anything_printable(api: httpx.Client, queue: str) -> None:
    enqueue(api, queue)
    paused = api.post(path(queue, "/pause"), json={})
    assert paused.status_code == 200
    assert paused.json()["queue_name"] == queue
    assert api.get(path(queue)).json() == paused.json()
    assert api.post(path(queue, "/resume")).json()["paused_at"] is None


def test_a_slash_in_a_name_need_not_be_escaped(api: httpx.Client) -> None:
    enqueue(api, "raw/name")
    assert api.get("/api/v1/queues/raw/name").json() == api.get(path("raw/name")).json()
    assert api.post("/api/v1/queues/raw/name/pause").json()["queue_name"] == "raw/name"


@pytest.mark.parametrize("queue", ["%20", "x" * 256, "", "%E2%80%AE"])
def test_a_name_that_is_none_is_refused(api: httpx.Client, queue: str) -> None:
    calls = (("GET", ""), ("POST", "/pause"), ("POST", "/resume"))
    for method, action in calls:
        response = api.request(method, f"/api/v1/queues/{queue}{action}")
        assert response.status_code == 400
        assert response.json()["details"][0]["loc"] == "name"


@pytest.mark.parametrize(
    ("sent", "status", "loc"),
    [
        ({"json": {"reason": 1}}, 400, "reason"),
        ({"json": {"reason": "x" * 1001}}, 400, "reason"),
        ({"json": {"reason": "a\x00b"}}, 400, "reason"),
        ({"content": rb'{"reason": "\ud800"}'}, 400, None),
        ({"json": {"why": "x"}}, 400, "why"),
        ({"json": []}, 400, ""),
        ({"content": b"{"}, 400, ""),
        ({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, None),
        ({"content": b" " * 2_000_000}, 413, None),
    ],
)
def test_a_wrong_body_pauses_nothing(
    api: httpx.Client, sent: dict[str, Any], status: int, loc: str | None
) -> None:
    response = api.post(path("untouched", "/pause"), **sent)
    assert response.status_code == status
    if loc is not None:
        assert response.json()["details"][0]["loc"] == loc
    assert api.get(path("untouched")).status_code == 404
    assert api.post(path("untouched", "/resume"), json={"reason": "x"}).status_code == 400


@pytest.mark.parametrize("sent", [{}, {"json": {}}, {"json": {"reason": None}}, {"json": {"reason": ""}}])
def test_a_reason_may_be_left_out(api: httpx.Client, sent: dict[str, Any]) -> None:
    paused = api.post(path("for no reason", "/pause"), **sent)
    assert paused.status_code == 200
    assert paused.json()["pause_reason"] is None
    api.post(path("for no reason", "/resume"))


def test_a_wrong_method_is_a_405(api: httpx.Client) -> None:
    response = api.delete(path("mail"))
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "PATCH"}
    assert api.post(path("mail")).status_code == 405


def test_a_queue_has_a_circuit_breaker_until_it_is_removed(api: httpx.Client, api_database: str) -> None:
    queue = path("flaky")
    for body, field in (
        ({}, "breaker"),
        ({"failures_in_row": 0}, "breaker.failures_in_row"),
        ({"failure_share": 1.5}, "breaker.failure_share"),
        ({"failures_in_row": 5, "retry_after_seconds": 0.1}, "breaker.retry_after_seconds"),
        ({"failures_in_row": 5, "window_seconds": 1e9}, "breaker.window_seconds"),
        ({"failures_in_row": 5, "least": 1}, "least"),
    ):
        refused = api.patch(queue, json={"breaker": body})
        assert refused.status_code == 400
        assert field in refused.text
    made = api.patch(queue, json={"breaker": {"failures_in_row": 5}, "max_running": 3}).json()["policy"]
    since = made["breaker"].pop("since")
    assert made["breaker"] == {
        "failures_in_row": 5,
        "failure_share": None,
        "window_seconds": 60.0,
        "least_attempts": 20,
        "retry_after_seconds": 30.0,
        "state": "closed",
        "why": None,
        "failures": None,
        "attempts": None,
        "opened_at": None,
        "next_try_at": None,
        "failed_task_id": None,
        "probe_task_id": None,
    }
    with psycopg.connect(api_database, autocommit=True) as db:
        db.execute(
            "UPDATE lapinq_breakers SET state = 'open', failures = 5, opened_at = since, pause_seconds = 30,"
            " tries_at = lapinq_now() + interval '1 hour' WHERE queue_name = 'flaky'"
        )
    opened = api.get(queue).json()["policy"]["breaker"]
    assert (opened["state"], opened["why"], opened["opened_at"]) == ("open", "5 failures in a row", since)
    assert (opened["failures"], opened["attempts"]) == (5, None)
    assert opened["next_try_at"] > since
    closed = api.post(path("flaky", "/close-breaker")).json()["policy"]["breaker"]
    assert (closed["state"], closed["why"]) == ("closed", None)
    assert api.patch(queue, json={"breaker": None}).json()["policy"]["breaker"] is None
    assert api.post(path("flaky", "/close-breaker")).status_code == 200
    assert api.post(path("never heard of", "/close-breaker")).status_code == 404
    with psycopg.connect(api_database) as db:
        told = db.execute(
            "SELECT action, details FROM lapinq_audit WHERE target = 'flaky' ORDER BY id"
        ).fetchall()
    assert [action for action, _ in told] == ["queue.set", "queue.close_breaker", "queue.set"]
    assert told[0][1]["breaker"]["failures_in_row"] == 5
    assert told[0][1]["max_running"] == 3
    assert told[2][1] == {"breaker": None}
