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
    *(
        "/ws",
        "/account",
        "/queue",
        "/function",
        "/key",
        "/errors",
        "/errors/1",
        "/workers/1",
        "/tasks/new",
        "/search",
    ),
    *("/tasks/1/again", "/tasks/1/find", "/tasks/1/profile", "/admin/notifications"),
)
"""Addresses of the dashboard that are no views."""
TASK = {"task_name": "send", "module_path": "app.mail"}


def test_with_a_key_every_call_of_the_api_must_carry_it(serve: Serve) -> None:
    client = serve(api_key="Geheim-ü")
    wrong = (b"geheim", b"", b"\xff", b"lapinq_" + b"x" * 43, b"x" * 60_000)
    for headers in ({}, *({b"X-API-Key": key} for key in wrong)):
        for method, path in (
            ("POST", "/api/v1/enqueue"),
            ("GET", "/api/v1/tasks"),
            ("GET", "/api/v1/nothing"),
        ):
            response = client.request(method, path, json=TASK, headers=headers)
            assert response.status_code == 401
            assert response.json() == {"error": "this needs a valid X-API-Key header or a session"}
            assert response.headers["x-request-id"]
    right = {b"X-API-Key": "Geheim-ü".encode()}
    assert client.post("/api/v1/enqueue", json=TASK, headers=right).status_code == 201
    assert client.get("/api/v1/queues", headers=right).status_code == 200
    assert client.get("/api/v1/nothing", headers=right).status_code == 404


def test_options_and_health_need_no_key_and_the_dashboard_takes_a_session(serve: Serve) -> None:
    client = serve(api_key="secret")
    assert client.options("/api/v1/enqueue").status_code == 405
    assert client.get("/health").status_code == 200
    for headers in ({}, {"X-API-Key": "secret"}):
        page = client.get("/", headers=headers)
        assert (page.status_code, page.headers["location"]) == (303, "/login")
    lost = client.post("/tasks/api/v1/enqueue", json={})
    told = "the dashboard needs a session; the API is below /api/v1"
    assert (lost.status_code, lost.json()["error"]) == (401, told)
    empty = serve(api_key="")  # is nobody's
    for headers in ({}, {"X-API-Key": ""}):
        for path, status in (("/api/v1/keys", 401), ("/api/v1/queues", 401), ("/admin/users", 303)):
            assert empty.get(path, headers=headers).status_code == status


def test_beyond_the_rate_limit_the_api_answers_429_and_the_rest_goes_on(serve: Serve) -> None:
    client = serve(rate_limit=3, api_key="secret")  # guesses at the key count
    statuses = [client.get("/api/v1/queues", headers={"X-API-Key": str(n)}).status_code for n in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    refused = client.post("/api/v1/enqueue", json=TASK, headers={"X-API-Key": "secret"})
    assert refused.status_code == 429
    assert refused.json() == {"error": "too many requests: this address may send 3 a minute"}
    assert 1 <= int(refused.headers["retry-after"]) <= 80  # the rest of this minute, and a third of the next
    assert client.get("/health").status_code == 200
    log_in(client)
    assert client.get("/").status_code == 200


def test_a_limit_of_its_own_for_bodies_and_batches(serve: Serve) -> None:
    client = serve(max_payload_size=100, max_batch_payload_size=200)
    long = {**TASK, "args": ["x" * 80]}
    assert client.post("/api/v1/enqueue", json=TASK).status_code == 201
    assert client.post("/api/v1/enqueue", json=long).status_code == 413
    assert client.post("/api/v1/enqueue/batch", json=[long]).status_code == 201
    assert client.post("/api/v1/enqueue/batch", json=[long, long]).status_code == 413


def test_the_log_has_a_line_a_request_with_who_asked_without_query_or_secrets(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(api_key="topsecret")
    master = {"X-API-Key": "topsecret"}
    with caplog.at_level("INFO", logger="lapinq_api"):
        client.get("/api/v1/tasks?queue=hidden", headers={**master, "X-Request-ID": "r1"})
        client.get("/api/v1/%0Aforged%20line", headers=master)
        client.get("/health")
        made = client.post("/api/v1/keys", json={"name": "shop", "scopes": ["read"]}, headers=master)
        client.get("/api/v1/keys", headers={"X-API-Key": made.json()["key"]})
        client.get("/api/v1/queues", headers={"X-API-Key": "wrong"})
        log_in(client)
        serve().get("/api/v1/queues")

    def records() -> list[dict[str, object]]:
        found = [one for one in caplog.records if one.name == "lapinq_api.middleware.access_log"]
        return [{**one.__dict__, "line": one.getMessage()} for one in found]

    master_key = "key LAPINQ_API_KEY"
    actors = [master_key, None, master_key, "key shop", None, "user lapinq", None]
    # The line follows the answer.
    eventually(lambda: [one.get("actor") for one in records()] == actors)
    lines = [str(one["line"]) for one in records()]
    assert lines[0].startswith("GET /api/v1/tasks 200 ")
    assert lines[0].endswith(" ms")
    assert records()[0]["request_id"] == "r1"
    assert lines[1].startswith("GET /api/v1/%0Aforged%20line 404 ")
    assert not any(secret in line for line in lines for secret in ("hidden", "topsecret", "\n"))


def test_every_page_needs_a_session(api: httpx.Client) -> None:
    shown = {re.sub(r"[{}]", "", view.path) for view in VIEWS}
    for path in {*shown, *BESIDE_VIEWS}:
        answer = api.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login"), path
