"""Reads that may look at many rows have connections of their own: when these are taken, only such reads are told so."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest

from lapinq_api.overload import database
from tests.integration.lapinq_api.conftest import Serve
from tests.support.eventually import eventually
from tests.support.http.people import log_in

pytestmark = pytest.mark.http

SECRET = {"X-API-Key": "secret"}
BUSY = "too many lists and searches are running (LAPINQ_POOL_SIZE)"
LATE = "the database is unavailable or did not answer in time"


@contextmanager
def held(url: str) -> Generator[None]:
    """No scan of tasks is answered."""
    with psycopg.connect(url) as conn:
        conn.execute("LOCK TABLE lapinq_attempts IN ACCESS EXCLUSIVE MODE")
        yield
        conn.rollback()


def test_scans_beyond_their_places_are_told_to_come_again_and_the_database_is_not_taken_for_away(
    serve: Serve, api_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SCAN_BUDGET_SECONDS", 2 * database.BUDGET_SECONDS)
    server = serve(pool_size=1)
    log_in(server)
    with held(api_database), ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(server.get, "/api/v1/tasks") for _ in range(6)]
        while wait(asked, timeout=0.05).not_done:
            assert server.get("/readyz").status_code == 200
        answers = [one.result() for one in asked]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["error"] for answer in answers} == {LATE, BUSY}
        assert all(answer.headers["retry-after"] for answer in answers)
        assert server.get("/readyz").status_code == 200
    assert server.get("/api/v1/tasks").status_code == 200


def test_a_page_says_so_too(
    serve: Serve, api_database: str, db: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MAX_SCANS_WAITING", 0)
    monkeypatch.setattr(database, "SCAN_BUDGET_SECONDS", 30.0)
    server = serve(pool_size=1)
    log_in(server)
    eventually(lambda: server.get("/api/v1/tasks").status_code == 200)  # its connection is open
    with ThreadPoolExecutor(1) as threads, held(api_database):  # ends with what holds it up
        stuck = threads.submit(server.get, "/api/v1/tasks")
        eventually(lambda: _is_blocked(db))  # else the page may come first
        eventually(lambda: BUSY in server.get("/workers").text or stuck.done())
        assert not stuck.done()


def test_one_caller_leaves_lists_to_others(serve: Serve, api_database: str) -> None:
    server = serve(pool_size=5, api_key="secret", trusted_proxies=("127.0.0.1",))
    key = server.post("/api/v1/keys", json={"name": "flood", "scopes": ["read"]}, headers=SECRET).json()[
        "key"
    ]
    with ThreadPoolExecutor(6) as threads:
        with held(api_database):
            asked = [
                threads.submit(server.get, "/api/v1/tasks", headers={"X-API-Key": key}) for _ in range(6)
            ]
            eventually(lambda: any(one.done() for one in asked))
            assert server.get("/api/v1/limits", headers=SECRET).status_code == 200
        assert {one.result().status_code for one in asked} <= {200, 503}


def test_made_up_cookies_take_no_connection_from_others_and_the_database_is_not_taken_for_away(
    serve: Serve, api_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(pool_size=5, api_key="secret", trusted_proxies=("127.0.0.1",))
    stranger = {"X-Forwarded-For": "192.0.2.1"}
    with psycopg.connect(api_database) as conn, ThreadPoolExecutor(8) as threads:
        conn.execute("LOCK TABLE lapinq_sessions IN ACCESS EXCLUSIVE MODE")
        asked = [
            threads.submit(server.get, "/me", headers={**stranger, "Cookie": f"lapinq_session={n:043}"})
            for n in range(8)
        ]
        while wait(asked, timeout=0.05).not_done:
            assert server.get(f"/api/v1/tasks/{UUID(int=0)}", headers=SECRET).status_code == 404
        conn.rollback()
        assert {one.result().status_code for one in asked} == {503}
    assert "the database is unavailable" not in caplog.text


def _is_blocked(db: psycopg.Connection) -> bool:
    """Whether a scan waits for the lock."""
    row = db.execute(
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE NOT l.granted AND d.datname = current_database()"
    ).fetchone()
    assert row is not None
    return row[0] > 0
