"""Named limits over HTTP."""

from datetime import datetime

import httpx
import psycopg

from tests.support.http.refusals import Row, check_refused

RATE = {"limit": 90_000, "period_seconds": 60, "burst": 90_000}
LIMIT = "/api/v1/limits/openai"


def test_a_limit_is_put_shown_listed_opened_and_deleted(
    signed_in: httpx.Client, db: psycopg.Connection
) -> None:
    api = signed_in
    made = api.put(LIMIT, json={"rate": {"limit": 90_000, "period_seconds": 60}})
    assert made.status_code == 201
    shown = made.json()
    assert datetime.fromisoformat(shown.pop("created_at")).tzinfo is not None
    assert shown == {
        **dict.fromkeys(("max_running", "closed_until", "next_start_at", "source")),
        "name": "openai",
        "rate": RATE,
        "running": 0,
        "tokens": 90_000,
        "waiting": 0,
        "waiting_is_capped": False,
        "queues": [],
    }
    changed = api.put(LIMIT, json={"max_running": 2, "rate": None})
    assert (changed.status_code, changed.json()["max_running"], changed.json()["rate"]) == (200, 2, None)
    assert api.get(LIMIT).json() == changed.json()
    assert changed.json() in api.get("/api/v1/limits").json()

    api.put(LIMIT, json={"rate": RATE})
    db.execute(
        "INSERT INTO lapinq_limit_news (limit_name, closed_until)"
        " VALUES ('openai', lapinq_now() + interval '30 seconds')"
    )
    assert api.get(LIMIT).json()["closed_until"] is not None
    opened = api.post(f"{LIMIT}/open")
    assert (opened.status_code, opened.json()["closed_until"]) == (200, None)
    assert [one["action"] for one in api.get("/api/v1/audit").json()][:2] == ["limit.open", "limit.set"]

    gone = api.delete(LIMIT)
    assert (gone.status_code, gone.content) == (204, b"")
    for answer in (api.delete(LIMIT), api.get(LIMIT), api.post(f"{LIMIT}/open")):
        assert (answer.status_code, answer.json()["error"]) == (404, "there is no limit with this name")


def test_a_wrong_rule_or_name_is_refused(api: httpx.Client) -> None:
    rows: list[Row] = [
        ({}, ""),
        ({"rate": None}, ""),
        ({"max_running": 0}, "max_running"),
        ({"rate": {"limit": 5}}, "rate.period_seconds"),
        ({"rate": {"limit": 5, "period_seconds": 1, "burst": 0}}, "rate.burst"),
        ({"max_runing": 5}, "max_runing", "did you mean 'max_running'?"),
    ]
    check_refused(api, "PUT", "/api/v1/limits/gpu", rows)
    assert api.get("/api/v1/limits/gpu").status_code == 404
    for name in ("a,b", "%C3%A4", "a" * 101):
        answer = api.put(f"/api/v1/limits/{name}", json={"max_running": 1})
        assert answer.status_code == 400
        assert "letters, digits" in answer.text
