"""A server is killed amid a bulk action; another one finishes it, and each task is changed and counted once."""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import LiteralString

import httpx
import psycopg

from tests.integration.lapinq_api.routes.bulk.test_bulk_bounds import walking
from tests.support.database.invariants import check_invariants
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.http.people import log_in
from tests.support.programs.processes import ApiProcess
from tests.support.rows.factories import enqueue

COUNT = 1200
"""More than two steps of a walk make."""


def test_what_a_killed_server_began_another_one_finishes(database: str) -> None:
    ids = on_connections(database, partial(enqueue, count=COUNT))
    with psycopg.connect(database, autocommit=True) as db, psycopg.connect(database) as holder:
        # A walk of deletions begins with the newest task, so it gets stuck before its end.
        holder.execute("SELECT FROM lapinq_ready WHERE id = %s FOR UPDATE", (ids[0],))
        with ApiProcess(database) as doomed, client_of(doomed) as client:
            started = client.delete("/api/v1/tasks", params={"background": "true", "expected": COUNT})
            assert started.status_code == 202
            eventually(lambda: 0 < progress(db) < COUNT and walking(db) == 1)
            doomed.kill()
        holder.rollback()
    with (
        psycopg.connect(database, autocommit=True) as db,
        ApiProcess(database) as survivor,
        client_of(survivor) as client,
    ):
        before = progress(db)
        assert before == COUNT - left(db), "no step without its progress, nor the other way round"
        db.execute("UPDATE lapinq_bulk_actions SET free_at = lapinq_now()")  # as if its time were over
        path = f"/api/v1/bulk-actions/{started.json()['id']}"
        eventually(lambda: client.get(path).json()["ended_at"] is not None)
        ended = client.get(path).json()
        assert (ended["state"], ended["done"], left(db)) == ("completed", COUNT, 0)
        [details] = db.execute(
            "SELECT details FROM lapinq_audit WHERE action = 'task.delete_many'"
        ).fetchall()
        assert details[0]["deleted"] == COUNT
    check_invariants(database, [])


@contextmanager
def client_of(server: ApiProcess) -> Generator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        log_in(client)
        yield client


def progress(db: psycopg.Connection) -> int:
    return count(db, "SELECT done FROM lapinq_bulk_actions")


def left(db: psycopg.Connection) -> int:
    return count(db, "SELECT count(*) FROM lapinq_tasks")


def count(db: psycopg.Connection, query: LiteralString) -> int:
    row = db.execute(query).fetchone()
    assert row is not None
    return row[0]
