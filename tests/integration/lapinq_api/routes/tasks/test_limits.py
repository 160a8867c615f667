"""Named limits over HTTP."""

from datetime import datetime

import httpx
import psycopg

from tests.support.http.refusals import Row, check_refused

RATE = {"limit": 90_000, "period_seconds": 60, "burst": 90_000}


def test_a_limit_is_put_shown_listed_and_deleted(api: httpx.Client) -> None:
    made = api.put("/api/v1/limits/openai", json={"rate": {"limit": 90_000, "period_seconds": 60}})
    assert made.status_code == 201
    shown = made.json()
    created_at = datetime.fromisoformat(shown.pop("created_at"))
    assert created_at.tzinfo is not None
    assert shown == {
        "name": "openai",
        "max_running": None,
        "rate": RATE,
        "running": 0,
        "tokens": 90_000,
        "closed_until": None,
        "next_start_at": None,
        "waiting": 0,
        "waiting_is_capped": False,
        "queues": [],
    }
    changed = api.put("/api/v1/limits/openai", json={"max_running": 2, "rate": None})
    assert (changed.status_code, changed.json()["max_running"], changed.json()["rate"]) == (200, 2, None)
    assert api.get("/api/v1/limits/openai").json() == changed.json()
    assert changed.json() in api.get("/api/v1/limits").json()
    gone = api.delete("/api/v1/limits/openai")
    assert (gone.status_code, gone.content) == (204, b"")
    for answer in (api.delete("/api/v1/limits/openai"), api.get("/api/v1/limits/openai")):
        assert (answer.status_code, answer.json()["error"]) == (404, "there is no limit with this name")


WRONG: list[Row] = [
    ({}, ""),
    ({"rate": None}, ""),
    ({"max_running": 0}, "max_running"),
    ({"max_running": 1.5}, "max_running"),
    ({"rate": {"limit": 5}}, "rate.period_seconds"),
    ({"rate": {"limit": 0, "period_seconds": 1}}, "rate.limit"),
    ({"rate": {"limit": 5, "period_seconds": 0}}, "rate.period_seconds"),
    ({"rate": {"limit": 5, "period_seconds": 1, "burst": 0}}, "rate.burst"),
    ({"max_runing": 5}, "max_runing", "did you mean 'max_running'?"),
]


def test_a_wrong_rule_or_name_is_refused(api: httpx.Client) -> None:
    check_refused(api, "PUT", "/api/v1/limits/gpu", WRONG)
    assert api.get("/api/v1/limits/gpu").status_code == 404
    for name in ("a,b", "a%20b", "%C3%A4", "a" * 101):
        answer = api.put(f"/api/v1/limits/{name}", json={"max_running": 1})
        assert answer.status_code == 400
        assert "letters, digits" in answer.text


def test_a_closed_limit_is_opened(signed_in: httpx.Client, db: psycopg.Connection) -> None:
    api = signed_in
    assert api.post("/api/v1/limits/openai/open").status_code == 404
    api.put("/api/v1/limits/openai", json={"rate": RATE})
    db.execute(
        "INSERT INTO lapinq_limit_news (limit_name, closed_until)"
        " VALUES ('openai', lapinq_now() + interval '30 seconds')"
    )
    assert api.get("/api/v1/limits/openai").json()["closed_until"] is not None
    opened = api.post("/api/v1/limits/openai/open")
    assert (opened.status_code, opened.json()["closed_until"]) == (200, None)
    assert [one["action"] for one in api.get("/api/v1/audit").json()][:2] == ["limit.open", "limit.set"]
    assert api.delete("/api/v1/limits/openai").status_code == 204
