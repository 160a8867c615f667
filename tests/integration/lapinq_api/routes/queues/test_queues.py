"""Looking at one queue, pausing it and resuming it over HTTP."""

from typing import Any
from urllib.parse import quote

import httpx
import psycopg

from lapinq_core.domain.tasks.state import Status
from tests.support.database.ready_channels import waking
from tests.support.http.refusals import Row, check_refused

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


def test_a_paused_queue_says_why_until_it_is_resumed_and_workers_are_woken(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    enqueue(api, "mail")
    paused = told(api.post(path("mail", "/pause"), json={"reason": "out of stamps"}))
    assert (paused["paused_by"], paused["pause_reason"]) == ("anonymous", "out of stamps")
    assert paused["pending"] == 1
    assert told(api.get(path("mail"))) == paused
    # to pause it again changes nothing
    assert told(api.post(path("mail", "/pause"), json={"reason": "really"})) == paused
    with waking(db, "mail"):
        resumed = api.post(path("mail", "/resume"))
    assert told(resumed) == {**paused, "paused_at": None, "paused_by": None, "pause_reason": None}
    assert told(api.post(path("mail", "/resume"))) == told(resumed)


def test_one_queue_is_counted_as_the_list_does_and_the_list_has_its_published_fields(
    api: httpx.Client, made: dict[Status, str]
) -> None:
    queue = api.get(f"/api/v1/tasks/{made[Status.PENDING]}").json()["queue_name"]
    api.post(path(queue, "/pause"))
    listed = next(one for one in api.get("/api/v1/queues").json() if one["queue_name"] == queue)
    assert listed == {"queue_name": queue, **dict.fromkeys(COUNTED, 1)}
    alone = api.get(path(queue)).json()
    assert {name: alone[name] for name in listed} == listed
    more = {"paused_at", "paused_by", "pause_reason", "waiting_since"}
    assert set(alone) - set(listed) == {*more, "workers", "policy"}
    [detailed] = [one for one in api.get("/api/v1/queues?details=true").json() if one["queue_name"] == queue]
    of_list = {"max_running": None, "has_policy": False, "breaker_state": None, "is_unserved": False}
    assert detailed == {name: alone[name] for name in {*listed, *more}} | of_list
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
    "source": None,
}


def test_a_queue_has_a_policy_until_its_fields_are_removed(api: httpx.Client, db: psycopg.Connection) -> None:
    with waking(db, "narrow"):
        limited = api.patch(path("narrow"), json={"max_running": 2})
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
    noted = db.execute("SELECT details FROM lapinq_audit ORDER BY id DESC LIMIT 1").fetchone()
    assert noted == ({**more, "rate": changed["rate"]},)
    removed = api.patch(path("narrow"), json=dict.fromkeys(["max_running", *more])).json()["policy"]
    assert removed == NO_POLICY


NONE = "must be from 1 to 1,000,000, or null for no limit"
NO_KEY = "must have keys of 1 to 255 characters"
NO_WEIGHT = "must be from 0.001 to 1,000"
LONG = "must be from 0.001 to 31,536,000 seconds (a year)"
NOTHING = "must be from 1 to 1,000,000,000: with less than 1 nothing could start"
FULL = "is too low: the bucket would take more than 100 years to fill"
FIELDS = "max_running, max_running_per_key, rate, rate_per_key, order, weights, breaker"
WRONG: list[Row] = [
    ({}, "", f"must have a field to change: {FIELDS}"),
    ({"max_running": 0}, "max_running", NONE),
    ({"max_running_per_key": 1_000_001}, "max_running_per_key", NONE),
    ({"max_runing": 1}, "max_runing", "is not a known field (did you mean 'max_running'?)"),
    ({"rate": {"limit": 5}}, "rate.period_seconds", "is required"),
    ({"rate": {"limit": 0, "period_seconds": 1}}, "rate.limit", "more than 0, and at most 1,000,000,000"),
    ({"rate_per_key": {"limit": 1, "period_seconds": -1}}, "rate_per_key.period_seconds", LONG),
    ({"rate": {"limit": 5, "period_seconds": 1, "burst": 0}}, "rate.burst", NOTHING),
    ({"order": "random"}, "order", "must be one of priority, fair, strict_per_key"),
    ({"rate_per_key": {"limit": 1e-6, "period_seconds": 31_536_000}}, "rate_per_key.limit", FULL),
    ({"weights": {"gold": 1e-310}}, "weights.gold", NO_WEIGHT),
    ({"weights": {"gold": 1001}}, "weights.gold", NO_WEIGHT),
    ({"weights": {"tin": 1, "gold": "3"}}, "weights.gold", "must be a number, not a string"),
    ({"weights": {"": 1}}, "weights", NO_KEY),
    ({"weights": {"a\0": 1}}, "weights", "must not contain the character NUL"),
    ({"weights": {str(n): 1 for n in range(1001)}}, "weights", "must have at most 1,000 keys"),
    ({"breaker": {}}, "breaker"),
    ({"breaker": {"failures_in_row": 0}}, "breaker.failures_in_row"),
    ({"breaker": {"failure_share": 1.5}}, "breaker.failure_share"),
    ({"breaker": {"failures_in_row": 5, "retry_after_seconds": 0.1}}, "breaker.retry_after_seconds"),
    ({"breaker": {"failures_in_row": 5, "window_seconds": 1e9}}, "breaker.window_seconds"),
    ({"breaker": {"failures_in_row": 5, "least": 1}}, "breaker.least"),
]


def test_a_value_that_no_policy_has_is_refused(api: httpx.Client) -> None:
    check_refused(api, "PATCH", path("narrow"), WRONG)


def test_a_queue_is_known_by_its_tasks_or_by_having_been_paused(api: httpx.Client) -> None:
    pause = path("unheard of", "/pause")
    wrong: list[Row] = [({"reason": reason}, "reason") for reason in (1, "x" * 1001, "a\x00b")]
    check_refused(api, "POST", pause, wrong)
    for call in (api.get(path("unheard of")), api.post(path("unheard of", "/resume"))):
        assert call.status_code == 404
        assert call.json() == {
            "error": "there is no queue with this name: it has no tasks, and nobody paused or limited it"
        }
    given: list[dict[str, Any]] = [{}, {"json": {}}, {"json": {"reason": None}}, {"json": {"reason": ""}}]
    for sent in given:
        paused = api.post(pause, **sent)
        assert (paused.status_code, paused.json()["pause_reason"]) == (200, None)
        assert api.get(path("unheard of")).json()["paused_at"]
        assert "unheard of" not in {one["queue_name"] for one in api.get("/api/v1/queues").json()}
        assert api.post(path("unheard of", "/resume")).status_code == 200
        assert api.get(path("unheard of")).json()["paused_at"] is None


def test_a_name_may_be_anything_printable(api: httpx.Client) -> None:
    for queue in (
        "a/b", "a/", "/a", "two words", " x", "ü🐇", "%2F", "?#&=+;:@", "pause", "x/pause", "résumé/resume", "\\", "'",
    ):  # fmt: skip
        enqueue(api, queue)
        paused = api.post(path(queue, "/pause"), json={})
        assert (paused.status_code, paused.json()["queue_name"]) == (200, queue)
        assert api.get(path(queue)).json() == paused.json()
        assert api.post(path(queue, "/resume")).json()["paused_at"] is None
    # A slash need not be escaped.
    assert api.get("/api/v1/queues/a/b").json() == api.get(path("a/b")).json()
    assert api.post("/api/v1/queues/a/b/pause").json()["queue_name"] == "a/b"
    for none in ("%20", "x" * 256, "", "%E2%80%AE"):
        for method, action in (("GET", ""), ("POST", "/pause"), ("POST", "/resume")):
            response = api.request(method, f"/api/v1/queues/{none}{action}")
            assert (response.status_code, response.json()["details"][0]["loc"]) == (400, "name")


def test_a_queue_has_a_circuit_breaker_until_it_is_removed(api: httpx.Client, db: psycopg.Connection) -> None:
    queue = path("flaky")
    made = api.patch(queue, json={"breaker": {"failures_in_row": 5}, "max_running": 3}).json()["policy"]
    since = made["breaker"].pop("since")
    unset = ("failure_share", "why", "failures", "attempts", "opened_at", "next_try_at", "failed_task_id")
    assert made["breaker"] == {
        **dict.fromkeys((*unset, "probe_task_id")),
        "failures_in_row": 5,
        "window_seconds": 60.0,
        "least_attempts": 20,
        "retry_after_seconds": 30.0,
        "state": "closed",
    }
    db.execute(
        "UPDATE lapinq_circuit_breakers SET state = 'open', failures = 5, opened_at = since, pause_seconds = 30,"
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
    noted = db.execute(
        "SELECT action, details FROM lapinq_audit WHERE target = 'flaky' ORDER BY id"
    ).fetchall()
    assert [action for action, _ in noted] == ["queue.set", "queue.close_breaker", "queue.set"]
    assert (noted[0][1]["breaker"]["failures_in_row"], noted[0][1]["max_running"]) == (5, 3)
    assert noted[2][1] == {"breaker": None}
