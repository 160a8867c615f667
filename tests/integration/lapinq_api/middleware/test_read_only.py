"""A server that changes nothing: every operation there is, asked for by those who may do everything elsewhere."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from psycopg import sql as psql

from lapinq_api.app import build_app
from lapinq_api.wire.origins import SAFE_METHODS
from lapinq_core.domain.tasks.state import Status
from lapinq_core.runtime.settings import Settings
from tests.integration.lapinq_api.conftest import Serve
from tests.integration.lapinq_api.routes.test_permissions import (
    QUEUE,
    SCHEDULE,
    TRIES,
    Act,
    add_error_group,
    add_webhook,
)
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.running import on_connections
from tests.support.http.people import log_in
from tests.support.http.serving import serving
from tests.support.rows.factories import add_worker
from tests.support.rows.schedules import add_schedule

REFUSAL = {"error": "this server is read-only"}
WRITTEN_BY_LOGGING_IN = {"lapinq_sessions", "lapinq_login_tries", "lapinq_audit"}

_ROWS = psql.SQL("SELECT t::text FROM {} AS t")


class Stage(msgspec.Struct):
    """A read-only server, somebody with its key, an admin's session, and what there is in the queue `mail`."""

    keyed: httpx.Client
    session: httpx.Client
    made: dict[Status, str]
    webhook: str
    group: int
    worker: str


@pytest.fixture(scope="module")
def stage(api_database: str) -> Iterator[Stage]:
    made = on_connections(api_database, partial(one_of_each, queue=QUEUE))
    settings = Settings(database_url=api_database, api_key="master", read_only=True)
    with (
        serving(build_app(settings)) as keyed,
        httpx.Client(base_url=keyed.base_url, timeout=15, trust_env=False) as session,
        psycopg.connect(api_database, autocommit=True) as conn,
    ):
        keyed.headers["X-API-Key"] = "master"
        log_in(session)
        worker = on_connections(api_database, add_worker)
        on_connections(api_database, partial(add_schedule, **SCHEDULE))
        webhook, group = add_webhook(conn, made[Status.COMPLETED]), add_error_group(conn)
        yield Stage(keyed, session, made, webhook, group, worker)


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


def test_an_operation_answers_as_anywhere_or_is_refused(stage: Stage, db: psycopg.Connection) -> None:
    filling = {"done": stage.made[Status.COMPLETED], "webhook": stage.webhook, "group": stage.group}
    before = everything(db)
    for operation, tried in TRIES.items():
        method = operation.partition(" ")[0]
        path = tried.path.format(**filling, worker=stage.worker, own="nightly")
        for client in (stage.keyed, stage.session):
            answer = client.request(method, path, json=tried.body, headers={"Accept": "application/json"})
            if method not in SAFE_METHODS:
                assert (answer.status_code, answer.json()) == (403, REFUSAL), operation
            elif tried.act is Act.OWN_ACCOUNT and client is stage.keyed:
                assert answer.status_code == 403  # a key has no account, here as anywhere
            else:
                assert answer.status_code == tried.status, operation
    assert everything(db) == before


def test_what_would_change_something_elsewhere_changes_nothing(stage: Stage, db: psycopg.Connection) -> None:
    pending, failed = stage.made[Status.PENDING], stage.made[Status.FAILED]
    before = everything(db)
    for method, path in (
        ("DELETE", "/api/v1/tasks"),
        ("DELETE", f"/api/v1/tasks/{pending}"),
        ("DELETE", f"/api/v1/tasks/{stage.made[Status.RUNNING]}?running=true"),
        ("POST", "/api/v1/tasks/requeue"),
        ("POST", f"/api/v1/tasks/{failed}/requeue"),
        ("POST", "/api/v1/queues/mail/pause"),
        ("POST", "/api/v1/schedules/nightly/run"),
        ("DELETE", "/api/v1/schedules/nightly"),
        ("DELETE", "/account/sessions"),
        ("POST", "/"),
        ("PUT", "/a/path/that/is/none"),
    ):
        for client in (stage.keyed, stage.session):
            assert client.request(method, path).json() == REFUSAL
    assert everything(db) == before


def test_strangers_are_refused_in_the_same_words_with_every_header_of_an_answer(stage: Stage) -> None:
    answer = httpx.post(f"{stage.keyed.base_url}/api/v1/enqueue", json={}, trust_env=False)
    assert (answer.status_code, answer.json()) == (403, REFUSAL)
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_one_can_log_in_and_out(stage: Stage) -> None:
    with httpx.Client(base_url=stage.keyed.base_url, timeout=15, trust_env=False) as client:
        log_in(client)
        assert client.get("/me").status_code == 200
        assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
        assert client.post("/logout").status_code == 303
        assert client.get("/me").status_code == 401
    assert (
        httpx.post(f"{stage.keyed.base_url}/login", data={"username": "x", "password": "y"}).status_code
        == 401
    )


def test_a_browser_may_ask_what_it_may_send(serve: Serve) -> None:
    client = serve(read_only=True, cors_origins=("https://app.example",))
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    assert client.options("/api/v1/tasks", headers=headers).status_code == 200
