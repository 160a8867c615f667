"""Circuit breakers of task names over HTTP."""

import httpx

from tests.support.http.refusals import Row, check_refused

BREAKER = "/api/v1/breakers/send_mail"


def test_a_breaker_is_put_shown_listed_closed_and_removed(signed_in: httpx.Client) -> None:
    api = signed_in
    made = api.put(BREAKER, json={"failures_in_row": 5})
    assert made.status_code == 200
    shown = made.json()
    shown.pop("since")
    unset = ("failure_share", "why", "failures", "attempts", "opened_at", "next_try_at", "failed_task_id")
    assert shown == {
        **dict.fromkeys((*unset, "probe_task_id", "source")),
        "failures_in_row": 5,
        "window_seconds": 60,
        "least_attempts": 20,
        "retry_after_seconds": 30,
        "state": "closed",
        "kind": "task",
        "name": "send_mail",
        "parked": 0,
    }
    changed = api.put(BREAKER, json={"failure_share": 0.5}).json()
    assert (changed["failures_in_row"], changed["failure_share"]) == (None, 0.5)
    assert api.get(BREAKER).json() == changed
    api.patch("/api/v1/queues/mail", json={"breaker": {"failures_in_row": 3}})
    listed = [(one["kind"], one["name"]) for one in api.get("/api/v1/breakers").json()]
    assert {("queue", "mail"), ("task", "send_mail")} <= {*listed}
    assert api.post(f"{BREAKER}/close").json()["state"] == "closed"
    gone = api.delete(BREAKER)
    assert (gone.status_code, gone.content) == (204, b"")
    for answer in (api.delete(BREAKER), api.get(BREAKER), api.post(f"{BREAKER}/close")):
        assert (answer.status_code, answer.json()["error"]) == (404, "this task name has no circuit breaker")
    audited = [(one["action"], one["target"]) for one in api.get("/api/v1/audit").json()]
    assert audited[0] == ("breaker.remove", "send_mail")
    assert ("breaker.set", "send_mail") in audited


def test_a_wrong_rule_is_refused_by_its_name(api: httpx.Client) -> None:
    rows: list[Row] = [({}, ""), ({"failures_in_row": 0}, "failures_in_row"), ({"failures": 5}, "failures")]
    check_refused(api, "PUT", "/api/v1/breakers/wrong", rows)
    assert api.get("/api/v1/breakers/wrong").status_code == 404
