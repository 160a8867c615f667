"""A private database, a worker that drains it, and time that passes there."""

import asyncio
import os
import time

import msgspec
import psycopg
import pytest

from lapinq import LapinqError, RetryError, TaskQueue, current_task
from lapinq.testing import Database, DatabaseWorker, database, databases, travel

queue = TaskQueue("http://192.0.2.1")
seen: list[int] = []


@queue.task
def note(number: int) -> int:
    seen.append(number)
    return number


@queue.task
async def fails_once() -> int:
    task = current_task()
    if task.attempt == 1:
        raise RetryError(600)
    return task.attempt


@queue.task
def sleeps() -> None:
    while not current_task().cancelled:
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def on_the_server_of_the_run(
    postgres_url: str, template_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = databases.Template(postgres_url, template_database, os.getpid())
    monkeypatch.setattr(databases, "prepared", given)
    seen.clear()


def enqueue(url: str, entry: dict[str, object]) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("SELECT lapinq_enqueue(%s)", [msgspec.json.encode(entry).decode()])


def ends(url: str) -> list[tuple[str, str]]:
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT outcome, result FROM lapinq_attempts WHERE final ORDER BY finished_at"
        ).fetchall()


def test_a_worker_drains_the_database_in_this_process(
    lapinq_database: Database, lapinq_worker: DatabaseWorker
) -> None:
    for number in range(3):
        enqueue(lapinq_database.url, note.entry(number))
    lapinq_worker.drain()
    assert sorted(seen) == [0, 1, 2]
    with database() as other:
        assert ends(other.url) == []
        asyncio.run(DatabaseWorker(other, worker_concurrency=1).adrain())


def test_a_retry_runs_when_its_time_has_come(
    lapinq_database: Database, lapinq_worker: DatabaseWorker
) -> None:
    enqueue(lapinq_database.url, fails_once.entry())
    lapinq_worker.drain()
    travel(300)
    lapinq_worker.drain()
    assert ends(lapinq_database.url) == []
    travel(301)
    lapinq_worker.drain()
    assert ends(lapinq_database.url) == [("completed", "2")]


def test_a_drain_has_a_time_limit_and_releases_what_runs(
    lapinq_database: Database, lapinq_worker: DatabaseWorker
) -> None:
    enqueue(lapinq_database.url, sleeps.entry())
    with pytest.raises(TimeoutError, match=r"after 0\.3 s"):
        lapinq_worker.drain(timeout=0.3)

    async def plain_in_a_coroutine() -> None:
        lapinq_worker.drain()

    with pytest.raises(LapinqError, match="await adrain"):
        asyncio.run(plain_in_a_coroutine())
