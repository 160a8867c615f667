"""A server that changes nothing: every operation there is, asked for by those who may do everything elsewhere."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql as psql

from lapinq_api.app import build_app
from lapinq_api.wire.origins import SAFE_METHODS
from lapinq_core.domain.tasks.state import Status
from lapinq_core.runtime.settings import Settings
from tests.integration.lapinq_api.conftest import Serve
from tests.integration.lapinq_api.routes.test_permissions import TRIES, Act, Stage, set_stage
from tests.support.database.running import on_connections
from tests.support.http.people import browser
from tests.support.http.serving import serving

REFUSAL = {"error": "this server is read-only"}
WRITTEN_BY_LOGGING_IN = {"lapinq_sessions", "lapinq_login_tries", "lapinq_audit"}

_ROWS = psql.SQL("SELECT t::text FROM {} AS t")


@pytest.fixture(scope="module")
def stage(api_database: str) -> Stage:
    return on_connections(api_database, set_stage)


@pytest.fixture(scope="module")
def clients(api_database: str) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Of a read-only server: one with its key, and one with an admin's session."""
    settings = Settings(database_url=api_database, api_key="master", read_only=True)
    with serving(build_app(settings)) as keyed, browser(keyed) as session:
        keyed.headers["X-API-Key"] = "master"
        yield keyed, session


def everything(db: psycopg.Connection) -> dict[str, list[Any]]:
    """Every row of every table, but for those that logging in writes."""
    names = db.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relname LIKE 'lapinq_%'"
    ).fetchall()
    assert len(names) > 10
    return {
        name: sorted(db.execute(_ROWS.format(psql.Identifier(name))).fetchall())
        for (name,) in names
        if name not in WRITTEN_BY_LOGGING_IN
    }


def test_an_operation_answers_as_anywhere_or_is_refused_and_nothing_changes(
    clients: tuple[httpx.Client, httpx.Client], stage: Stage, db: psycopg.Connection
) -> None:
    keyed, session = clients
    before = everything(db)
    for operation, tried in TRIES.items():
        method, path = operation.partition(" ")[0], stage.path(operation, "nightly")
        for client in clients:
            answer = client.request(method, path, json=tried.body, headers={"Accept": "application/json"})
            if method not in SAFE_METHODS:
                assert (answer.status_code, answer.json()) == (403, REFUSAL), operation
            elif tried.act is Act.OWN_ACCOUNT and client is keyed:
                assert answer.status_code == 403  # a key has no account, here as anywhere
            else:
                assert answer.status_code == tried.status, operation
    for method, path in (
        ("DELETE", "/api/v1/tasks"),
        ("DELETE", f"/api/v1/tasks/{stage.made[Status.RUNNING]}?running=true"),
        ("POST", f"/api/v1/tasks/{stage.made[Status.FAILED]}/requeue"),
        ("POST", "/"),
        ("PUT", "/a/path/that/is/none"),
    ):
        assert session.request(method, path).json() == REFUSAL, path
    assert everything(db) == before


def test_strangers_are_refused_in_the_same_words_and_one_can_log_in_and_out(
    clients: tuple[httpx.Client, httpx.Client],
) -> None:
    keyed, _ = clients
    with browser(keyed, None) as stranger:
        answer = stranger.post("/api/v1/enqueue", json={})
        assert (answer.status_code, answer.json()) == (403, REFUSAL)
        assert answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert stranger.post("/login", data={"username": "x", "password": "y"}).status_code == 401
    with browser(keyed) as client:
        assert client.get("/me").status_code == 200
        assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
        assert client.post("/logout").status_code == 303
        assert client.get("/me").status_code == 401


def test_a_browser_may_ask_what_it_may_send(serve: Serve) -> None:
    client = serve(read_only=True, cors_origins=("https://app.example",))
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    assert client.options("/api/v1/tasks", headers=headers).status_code == 200
