"""With the database away every call is answered with 503 in time, and the service is back soon after it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_core.db.migrate import head_revision, migrate
from lapinq_core.runtime.settings import Settings
from tests.support.database import postgres
from tests.support.database.outage import read_only
from tests.support.database.proxy import Proxy, proxy
from tests.support.eventually import eventually
from tests.support.http.people import log_in
from tests.support.http.serving import serving

TASK = {"task_name": "send", "module_path": "app.mail"}
IN_TIME_SECONDS = 3.5  # two seconds, and something for a busy machine; less than waiting twice
ANY = "/api/v1/tasks/00000000-0000-0000-0000-000000000000"
CALLS: list[tuple[str, str, Any]] = [
    ("POST", "/api/v1/enqueue", TASK),
    ("POST", "/api/v1/enqueue/batch", [TASK]),
    ("GET", ANY, None),
    ("GET", f"{ANY}/result", None),
    ("GET", f"{ANY}/attempts", None),
    ("DELETE", f"{ANY}?running=true", None),
    ("POST", f"{ANY}/requeue", None),
    ("PATCH", f"{ANY}/progress", {"progress": 1}),
    ("GET", "/api/v1/queues", None),
    ("GET", "/health", None),
]


@pytest.fixture
def between(api_database: str) -> Iterator[Proxy]:
    """A proxy before the database."""
    with proxy(api_database) as made:
        yield made


@pytest.fixture
def client(between: Proxy) -> Iterator[httpx.Client]:
    """A client of a server that reaches its database through the proxy."""
    with serving(build_app(Settings(database_url=between.url))) as made:
        assert made.get("/health").status_code == 200
        yield made


def _assert_503_in_time(client: httpx.Client, method: str, path: str, body: Any) -> None:
    began = time.monotonic()
    response = client.request(method, path, json=body)
    took = time.monotonic() - began
    assert response.status_code == 503, response.text
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["x-request-id"]
    assert took < IN_TIME_SECONDS


def _assert_all_are_503_in_time(client: httpx.Client) -> None:
    for call in CALLS:
        _assert_503_in_time(client, *call)


def _is_stored(client: httpx.Client) -> bool:
    return client.post("/api/v1/enqueue", json=TASK).status_code == 201


def test_a_database_that_is_down_is_answered_with_503_and_back_within_seconds(
    client: httpx.Client, between: Proxy
) -> None:
    log_in(client)
    between.cut()
    _assert_all_are_503_in_time(client)
    assert client.get("/health").json() == {"status": "error", "database": "unavailable"}
    told = {"error": "the database is unavailable or did not answer in time"}
    assert client.get("/api/v1/tasks").json() == told
    page = client.get("/")
    assert page.status_code == 503
    assert "Database unavailable" in page.text
    assert 'http-equiv="refresh"' in page.text
    assert client.get("/me").status_code == 503
    answer = client.post("/login", data={"username": "lapinq", "password": "lapinq"})
    assert answer.status_code == 503
    assert "Try again" in answer.text
    assert client.get("/logout").status_code == 503
    assert client.get("/login").status_code == 200

    between.heal()
    eventually(lambda: _is_stored(client))
    assert client.get("/health").status_code == 200
    assert client.get("/").status_code == 200


def test_a_dead_network_holds_nobody_longer_than_the_budget_and_then_nobody_at_all(
    client: httpx.Client, between: Proxy
) -> None:
    between.swallow()
    with ThreadPoolExecutor(18) as threads:
        calls = [call for call in CALLS for _ in range(3)]
        for future in [threads.submit(_assert_503_in_time, client, *call) for call in calls]:
            future.result()
    began = time.monotonic()
    _assert_all_are_503_in_time(client)
    assert time.monotonic() - began < 2  # so none of them waited
    between.heal()
    eventually(lambda: _is_stored(client))


def test_what_was_answered_with_201_before_the_cut_is_stored(
    client: httpx.Client, between: Proxy, api_database: str
) -> None:
    accepted: list[str] = []

    def enqueue() -> bool:
        response = client.post("/api/v1/enqueue", json=TASK)
        if response.status_code == 201:
            accepted.append(response.json()["task_id"])
        return response.status_code == 503

    with ThreadPoolExecutor(8) as threads:

        def until_refused(_: int) -> bool:
            return bool(eventually(enqueue, interval=0))

        running = [threads.submit(until_refused, n) for n in range(8)]
        eventually(lambda: len(accepted) > 30)
        between.cut()
        assert all(future.result() for future in running)
    with psycopg.connect(api_database) as conn:
        stored = {row[0] for row in conn.execute("SELECT id::text FROM lapinq_tasks")}
    assert set(accepted) <= stored


def test_it_may_be_away_at_the_start(between: Proxy) -> None:
    between.cut()
    began = time.monotonic()
    with serving(build_app(Settings(database_url=between.url))) as client:
        assert time.monotonic() - began < 15
        _assert_all_are_503_in_time(client)
        between.heal()
        eventually(lambda: client.get("/health").status_code == 200)
        assert _is_stored(client)


def test_without_the_schema_it_waits_for_it(postgres_url: str) -> None:
    with (
        postgres.private_database(postgres_url) as url,
        serving(build_app(Settings(database_url=url))) as client,
    ):
        assert client.get("/health").status_code == 503
        needed = f"lapinq isn't installed in this database, this version needs {head_revision()}: run `lapinq migrate`"
        refused = client.post("/api/v1/enqueue", json=TASK)
        assert (refused.status_code, refused.json()) == (503, {"error": needed})
        assert client.get("/readyz").json() == {"status": "unready", "reason": needed}
        page = client.post("/login", data={"username": "lapinq", "password": "lapinq"})
        assert (page.status_code, needed in unescape(page.text)) == (503, True)
        migrate(url)
        eventually(lambda: client.get("/health").status_code == 200)
        assert _is_stored(client)


def test_an_embedded_service_starts_once_the_schema_is_there_and_again_when_it_fails(between: Proxy) -> None:
    happened: list[str] = []

    @asynccontextmanager
    async def service() -> AsyncGenerator[None]:
        happened.append("start")
        if happened.count("start") == 1:
            raise RuntimeError("not yet")
        yield
        happened.append("stop")

    between.cut()
    with serving(build_app(Settings(database_url=between.url), services=[service])):
        assert happened == []
        between.heal()
        eventually(lambda: happened == ["start", "start"])
    assert happened == ["start", "start", "stop"]


def test_an_embedded_service_that_cannot_start_keeps_the_application_from_starting(api_database: str) -> None:
    @asynccontextmanager
    async def service() -> AsyncGenerator[None]:
        raise RuntimeError("wrong settings")
        yield

    app = build_app(Settings(database_url=api_database), services=[service])

    async def start() -> None:
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(ExceptionGroup, match="unhandled errors"):
        asyncio.run(start())


def test_a_database_that_takes_its_time_is_not_taken_for_dead(
    client: httpx.Client, api_database: str
) -> None:
    with psycopg.connect(api_database) as conn:
        conn.execute("LOCK TABLE lapinq_tasks IN ACCESS EXCLUSIVE MODE")
        _assert_503_in_time(client, "POST", "/api/v1/enqueue", TASK)
        assert client.get("/health").status_code == 200
        conn.rollback()
    eventually(lambda: _is_stored(client))


def test_a_database_that_is_read_only_refuses_changes_and_shows_all(
    api_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(build_app(Settings(database_url=api_database))) as client:
        log_in(client)
        task_id = client.post("/api/v1/enqueue", json=TASK).json()["task_id"]
        with read_only(api_database):
            eventually(lambda: client.get("/health").status_code == 200)
            for _ in range(2):
                _assert_503_in_time(client, "POST", "/api/v1/enqueue", TASK)
                _assert_503_in_time(client, "POST", "/api/v1/enqueue/batch", [TASK])
                _assert_503_in_time(client, "DELETE", f"/api/v1/tasks/{task_id}", None)
                assert client.get("/api/v1/tasks").json()[0]["id"] == task_id
                assert client.get("/me").status_code == 200
            assert "read-only" in client.post("/api/v1/enqueue", json=TASK).json()["error"]
        # Connections opened meanwhile would stay read-only, so they are not kept.
        eventually(lambda: all(_is_stored(client) for _ in range(20)), timeout=5)
    assert "the database is unavailable" not in caplog.text
