"""Reads that may look at many rows have connections of their own: when these are taken, only such reads are told so."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from lapinq_api.overload import database
from tests.integration.lapinq_api.conftest import Serve
from tests.support.eventually import eventually
from tests.support.http.people import log_in

pytestmark = pytest.mark.http

BUSY = "too many lists and searches are running"
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
    monkeypatch.setattr(database, "BUDGET_SECONDS", 0.4)
    monkeypatch.setattr(database, "SCAN_BUDGET_SECONDS", 1.0)
    server = serve(pool_size=1)
    log_in(server)
    with held(api_database), ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(server.get, "/api/v1/tasks") for _ in range(6)]
        while not all(one.done() for one in asked):
            assert server.get("/readyz").status_code == 200
        answers = [one.result() for one in asked]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["error"] for answer in answers} == {LATE, BUSY}
        assert all(answer.headers["retry-after"] for answer in answers)
        assert server.get("/readyz").status_code == 200
    assert server.get("/api/v1/tasks").status_code == 200


def test_a_page_says_so_too(serve: Serve, api_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MAX_SCANS_WAITING", 0)
    monkeypatch.setattr(database, "SCAN_BUDGET_SECONDS", 30.0)
    server = serve(pool_size=1)
    log_in(server)
    eventually(lambda: server.get("/api/v1/tasks").status_code == 200)  # its connection is open
    with ThreadPoolExecutor(1) as threads, held(api_database):  # ends with what holds it up
        stuck = threads.submit(server.get, "/api/v1/tasks")
        eventually(lambda: BUSY in server.get("/workers").text or stuck.done())
        assert not stuck.done()
