"""The API key and the rate limit: what they guard, and what stays open."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from lapinq_api.app import build_app
from lapinq_core.runtime.settings import Settings
from tests.support.serving import serving

Serve = Callable[..., httpx.Client]

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
            assert response.json() == {"error": "this takes a valid X-API-Key header or a session"}
            assert response.headers["x-request-id"]
    headers = {"X-API-Key": key}
    assert client.post("/api/v1/enqueue", json=TASK, headers=headers).status_code == 201  # pyright: ignore[reportArgumentType]
    assert client.get("/api/v1/queues", headers=headers).status_code == 200  # pyright: ignore[reportArgumentType]
    assert client.get("/api/v1/nothing", headers=headers).status_code == 404  # pyright: ignore[reportArgumentType]


def test_options_and_health_need_no_key_and_the_dashboard_says_that_it_needs_a_login(serve: Serve) -> None:
    client = serve(api_key="secret")
    assert client.options("/api/v1/enqueue").status_code == 405
    assert client.get("/health").status_code == 200
    for path in ("/", "/fragments/overview"):
        page = client.get(path, headers={"X-API-Key": "secret"})
        assert page.status_code == 403
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "needs a login" in page.text
        assert "<script" not in page.text


def test_the_key_guards_an_application_mounted_below_a_prefix_too(api_database: str) -> None:
    inner = build_app(Settings(database_url=api_database, api_key="secret"))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with inner.router.lifespan_context(inner):
            yield

    outer = Starlette(routes=[Mount("/tasks/api", inner)], lifespan=lifespan)
    with serving(outer) as client:
        assert client.get("/tasks/api/api/v1/queues").status_code == 401
        assert client.get("/tasks/api/api/v1/queues", headers={"X-API-Key": "secret"}).status_code == 200
        assert client.get("/tasks/api/health").status_code == 200


def test_beyond_the_rate_limit_the_api_answers_429_and_the_rest_goes_on(serve: Serve) -> None:
    client = serve(rate_limit=5)
    assert [client.get("/api/v1/queues").status_code for _ in range(7)] == [200] * 5 + [429] * 2
    refused = client.post("/api/v1/enqueue", json=TASK)
    assert refused.status_code == 429
    assert refused.json() == {"error": "more than 5 requests a minute came from this address"}
    assert 1 <= int(refused.headers["retry-after"]) <= 72
    assert client.get("/health").status_code == 200
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
