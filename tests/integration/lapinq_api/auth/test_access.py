"""The API key and the rate limit: what they guard, and what stays open."""

import re
from collections.abc import Callable

import httpx
import pytest

from lapinq_api.dashboard.views import VIEWS
from tests.support.eventually import eventually
from tests.support.http.people import log_in

Serve = Callable[..., httpx.Client]

BESIDE_VIEWS = (
    "/ws",
    "/account",
    "/queue",
    "/function",
    "/errors",
    "/errors/1",
    "/workers/1",
    "/tasks/new",
    "/tasks/1/again",
    "/tasks/1/find",
    "/tasks/1/profile",
    "/search",
    "/admin/notifications",
)
"""Addresses of the dashboard that are no views."""
TASK = {"task_name": "send", "module_path": "app.mail"}


def test_with_a_key_every_call_of_the_api_must_carry_it(serve: Serve) -> None:
    client = serve(api_key="Geheim-ü")
    key = "Geheim-ü".encode()
    for headers in ({}, {"X-API-Key": b"geheim"}, {"X-API-Key": b""}, {"X-API-Key": b"\xff"}):
        for method, path in (
            ("POST", "/api/v1/enqueue"),
            ("GET", "/api/v1/tasks"),
            ("GET", "/api/v1/nothing"),
        ):
            response = client.request(method, path, json=TASK, headers=headers)  # pyright: ignore[reportArgumentType]
            assert response.status_code == 401
            assert response.json() == {"error": "this needs a valid X-API-Key header or a session"}
            assert response.headers["x-request-id"]
    headers = {"X-API-Key": key}
    assert client.post("/api/v1/enqueue", json=TASK, headers=headers).status_code == 201  # pyright: ignore[reportArgumentType]
    assert client.get("/api/v1/queues", headers=headers).status_code == 200  # pyright: ignore[reportArgumentType]
    assert client.get("/api/v1/nothing", headers=headers).status_code == 404  # pyright: ignore[reportArgumentType]


def test_options_and_health_need_no_key_and_the_dashboard_takes_a_session(serve: Serve) -> None:
    client = serve(api_key="secret")
    assert client.options("/api/v1/enqueue").status_code == 405
    assert client.get("/health").status_code == 200
    for headers in ({}, {"X-API-Key": "secret"}):
        page = client.get("/", headers=headers)
        assert (page.status_code, page.headers["location"]) == (303, "/login")
    lost = client.post("/tasks/api/v1/enqueue", json={})
    assert (lost.status_code, lost.json()["error"]) == (
        401,
        "the dashboard needs a session; the API is below /api/v1",
    )


def test_beyond_the_rate_limit_the_api_answers_429_and_the_rest_goes_on(serve: Serve) -> None:
    client = serve(rate_limit=5)
    assert [client.get("/api/v1/queues").status_code for _ in range(7)] == [200] * 5 + [429] * 2
    refused = client.post("/api/v1/enqueue", json=TASK)
    assert refused.status_code == 429
    assert refused.json() == {"error": "too many requests: this address may send 5 a minute"}
    assert 1 <= int(refused.headers["retry-after"]) <= 72
    assert client.get("/health").status_code == 200
    log_in(client)
    assert client.get("/").status_code == 200


def test_guesses_at_the_key_count_for_the_rate_limit(serve: Serve) -> None:
    client = serve(rate_limit=3, api_key="secret")
    statuses = [client.get("/api/v1/queues", headers={"X-API-Key": str(n)}).status_code for n in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


def test_a_limit_of_its_own_for_bodies_and_batches(serve: Serve) -> None:
    client = serve(max_payload_size=100, max_batch_payload_size=200)
    long = {**TASK, "args": ["x" * 80]}
    assert client.post("/api/v1/enqueue", json=TASK).status_code == 201
    assert client.post("/api/v1/enqueue", json=long).status_code == 413
    assert client.post("/api/v1/enqueue/batch", json=[long]).status_code == 201
    assert client.post("/api/v1/enqueue/batch", json=[long, long]).status_code == 413


def test_the_log_has_a_line_a_request_without_query_or_secrets(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(api_key="topsecret")
    with caplog.at_level("INFO", logger="lapinq_api"):
        client.get("/api/v1/tasks?queue=hidden", headers={"X-API-Key": "topsecret", "X-Request-ID": "r1"})
        client.get("/api/v1/%0Aforged%20line", headers={"X-API-Key": "topsecret"})
        client.get("/health")
    lines = [
        record.getMessage() for record in caplog.records if record.name == "lapinq_api.middleware.access_log"
    ]
    assert len(lines) == 2
    assert lines[0].startswith("GET /api/v1/tasks 200 ")
    assert lines[0].endswith(" ms")
    assert lines[1].startswith("GET /api/v1/%0Aforged%20line 404 ")
    assert caplog.records[-2].__dict__["request_id"] == "r1"
    assert not any(secret in line for line in lines for secret in ("hidden", "topsecret", "\n"))


def test_the_log_says_who_asked(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    client = serve(api_key="topsecret")
    master = {"X-API-Key": "topsecret"}
    with caplog.at_level("INFO", logger="lapinq_api"):
        made = client.post("/api/v1/keys", json={"name": "shop", "scopes": ["read"]}, headers=master)
        client.get("/api/v1/queues", headers={"X-API-Key": made.json()["key"]})
        client.get("/api/v1/keys", headers={"X-API-Key": made.json()["key"]})
        client.get("/api/v1/queues", headers={"X-API-Key": "wrong"})
        log_in(client)
        client.get("/me")
        serve().get("/api/v1/queues")
    # The line follows the answer.
    eventually(
        lambda: (
            [
                record.__dict__.get("actor")
                for record in caplog.records
                if record.name == "lapinq_api.middleware.access_log"
            ]
            == ["key LAPINQ_API_KEY", "key shop", "key shop", None, "user lapinq", "user lapinq", None]
        )
    )


def test_an_empty_key_is_nobodys(serve: Serve) -> None:
    client = serve(api_key="")
    for headers in ({}, {"X-API-Key": ""}):
        assert client.get("/api/v1/keys", headers=headers).status_code == 401
        assert client.get("/api/v1/queues", headers=headers).status_code == 401
        assert client.get("/admin/users", headers=headers).status_code == 303


def test_every_page_needs_a_session(api: httpx.Client) -> None:
    shown = {re.sub(r"[{}]", "", view.path) for view in VIEWS}
    for path in {*shown, *BESIDE_VIEWS}:
        answer = api.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login"), path
