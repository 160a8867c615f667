"""The bounds of walks over many tasks: how many at a time, how long, and until when."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import httpx
import psycopg
import pytest

from lapinq_api.app import announce_stop, build_app
from lapinq_api.credentials import caller
from lapinq_api.routes.bulk.walk import PAUSES
from lapinq_core.runtime.settings import Settings
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.http.serving import serving
from tests.support.rows.factories import enqueue

TASKS = "/api/v1/tasks"
REQUEUE = "/api/v1/tasks/requeue"


def is_there(client: httpx.Client, task_id: str) -> bool:
    return client.get(f"{TASKS}/{task_id}").status_code == 200


@contextmanager
def holding(url: str, task_id: str) -> Generator[None]:
    """Nobody gets at the place where the task waits."""
    with psycopg.connect(url) as conn:
        conn.execute("SELECT FROM lapinq_ready WHERE id = %s FOR UPDATE", (task_id,))
        yield
        conn.rollback()


def walking(db: psycopg.Connection) -> int:
    """How many steps wait for somebody else."""
    row = db.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '/* lapinq:delete_tasks */%'"
        " AND wait_event_type = 'Lock' AND datname = current_database()"
    ).fetchone()
    assert row is not None
    return row[0]


def test_a_caller_walks_twice_at_a_time_and_waits_out_a_lock(
    keyed: httpx.Client, queue: str, api_database: str, db: psycopg.Connection
) -> None:
    queues = [queue, f"{queue} too"]
    held: list[str] = []
    for name in queues:
        held += on_connections(api_database, partial(enqueue, count=1, queue_name=name))
    with ThreadPoolExecutor(2) as threads:
        with holding(api_database, held[0]), holding(api_database, held[1]):
            asked = [threads.submit(keyed.delete, TASKS, params={"queue": name}) for name in queues]
            eventually(lambda: walking(db) == 2)
            for method, path in (("DELETE", TASKS), ("POST", REQUEUE)):
                params = {"queue": queues[0], "task_name": "add", "dry_run": "true"}
                response = keyed.request(method, path, params=params)
                assert response.status_code == 429
                assert response.headers["retry-after"]
                del params["task_name"]
                response = keyed.request(method, path, params=params)
                assert response.status_code == 200, "the counts of queues answer without a walk"
        assert [one.result().json() for one in asked] == [{"deleted": 1, "skipped_running": 0}] * 2
    assert keyed.delete(TASKS, params={"queue": queues[0]}).status_code == 200


def test_a_walk_that_never_gets_a_lock_gives_up(keyed: httpx.Client, queue: str, api_database: str) -> None:
    (task,) = on_connections(api_database, partial(enqueue, count=1, queue_name=queue))
    with holding(api_database, task):
        response = keyed.delete(TASKS, params={"queue": queue}, timeout=sum(PAUSES) + len(PAUSES) + 20)
        assert response.status_code == 503
        assert is_there(keyed, task)
        assert keyed.get("/api/v1/queues").status_code == 200, "the database is not taken for away"
    assert keyed.delete(TASKS, params={"queue": queue}).json()["deleted"] == 1


def test_a_walk_ends_when_its_client_is_gone(
    keyed: httpx.Client, queue: str, api_database: str, db: psycopg.Connection
) -> None:
    (task,) = on_connections(api_database, partial(enqueue, count=1, queue_name=queue))
    with holding(api_database, task):
        for _ in range(4):  # more than may walk at a time
            with pytest.raises(httpx.ReadTimeout):
                keyed.delete(TASKS, params={"queue": queue}, timeout=httpx.Timeout(5, read=0.2))
        eventually(lambda: walking(db) == 0)
    # Nobody is left who would delete it now, and others may walk again.
    eventually(lambda: keyed.post(REQUEUE, params={"queue": queue}).status_code == 200)
    assert is_there(keyed, task)


def test_a_walk_ends_when_whoever_asked_for_it_no_longer_may(
    keyed: httpx.Client,
    queue: str,
    api_database: str,
    db: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caller, "RECHECK_SECONDS", 0.0)
    (task,) = on_connections(api_database, partial(enqueue, count=1, queue_name=queue))
    key = keyed.post("/api/v1/keys", json={"name": queue, "scopes": ["manage"]}).json()
    with holding(api_database, task), ThreadPoolExecutor(1) as threads:
        asked = threads.submit(
            keyed.delete, TASKS, params={"queue": queue}, headers={"X-API-Key": key["key"]}
        )
        eventually(lambda: walking(db) == 1)
        assert keyed.delete(f"/api/v1/keys/{key['id']}").status_code == 200
        assert asked.result().status_code == 401
    assert is_there(keyed, task)


def test_a_walk_ends_when_the_server_is_to_stop(
    queue: str, api_database: str, db: psycopg.Connection
) -> None:
    (task,) = on_connections(api_database, partial(enqueue, count=1, queue_name=queue))
    app = build_app(Settings(database_url=api_database, api_key="secret"))
    with serving(app) as client, holding(api_database, task), ThreadPoolExecutor(1) as threads:
        asked = threads.submit(client.delete, TASKS, params={"queue": queue}, headers={"X-API-Key": "secret"})
        eventually(lambda: walking(db) == 1)
        announce_stop(app)
        response = asked.result()
        assert response.status_code == 503
        assert response.json() == {
            "error": "the server is shutting down after 0 tasks; repeat the request for the rest"
        }
