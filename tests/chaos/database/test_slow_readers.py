"""Somebody reads as much as they can, and none of it is answered in time: enqueueing goes on within its budget."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from threading import Event

import httpx
import psycopg
import pytest

from tests.support.eventually import eventually
from tests.support.http.people import log_in
from tests.support.programs.processes import ApiProcess

READERS = 20
SECONDS = 3.0
BUDGET_SECONDS = 2.0
TASK = {"task_name": "send", "module_path": "app.mail", "args": ["x"]}
READS = (
    ("GET", "/api/v1/tasks?args=x"),
    ("GET", "/api/v1/tasks/failed?limit=1000"),
    ("GET", "/api/v1/tasks?result=x&limit=1000"),
    ("GET", "/tasks?result=x"),
    ("DELETE", "/api/v1/tasks?error=x&dry_run=true"),
)


@pytest.mark.alone
@pytest.mark.slow
def test_enqueueing_goes_on_while_every_reader_is_stuck(database: str) -> None:
    stop = Event()
    with (
        ApiProcess(database) as api,
        httpx.Client(base_url=api.url, trust_env=False, timeout=30) as client,
        psycopg.connect(database) as holder,
        ThreadPoolExecutor(READERS) as threads,
    ):
        log_in(client)

        def read(number: int) -> set[int]:
            method, path = READS[number % len(READS)]
            statuses = {client.request(method, path).status_code}
            while not stop.is_set():
                statuses.add(client.request(method, path).status_code)
            return statuses

        # The check of the tests reads the table that every reader is to be stuck at.
        holder.execute("ALTER TABLE lapinq_ready DISABLE TRIGGER test_check_state")
        holder.commit()
        holder.execute("LOCK TABLE lapinq_attempts IN ACCESS EXCLUSIVE MODE")
        reading = [threads.submit(read, number) for number in range(READERS)]
        try:
            eventually(lambda: waiting_for_the_lock(database) > 0)
            ends = time.monotonic() + SECONDS
            while time.monotonic() < ends:
                assert took(lambda: client.post("/api/v1/enqueue", json=TASK), HTTPStatus.CREATED)
                assert took(lambda: client.get("/readyz"), HTTPStatus.OK)
                assert took(lambda: client.get("/me"), HTTPStatus.OK)
        finally:
            stop.set()
            holder.rollback()
        # 429: all are one user, who may not hold every place.
        assert {status for each in reading for status in each.result()} <= {200, 429, 503}
        assert client.get("/api/v1/tasks?args=x").status_code == HTTPStatus.OK


def took(call: Callable[[], httpx.Response], expected: HTTPStatus) -> bool:
    """Whether it was answered as expected, in time."""
    began = time.monotonic()
    answer = call()
    assert answer.status_code == expected, answer.text
    return time.monotonic() - began < BUDGET_SECONDS


def waiting_for_the_lock(database: str) -> int:
    with psycopg.connect(database) as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        ).fetchone()
    assert row is not None
    return row[0]
