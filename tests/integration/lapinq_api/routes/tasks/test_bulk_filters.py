"""Cancelling many tasks over HTTP, and what only calls for many are narrowed by."""

from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import httpx
import psycopg
import pytest

from lapinq_core.domain.tasks.state import Status
from tests.integration.lapinq_api.routes.tasks.test_bulk import (
    CANCEL,
    REQUEUE,
    TASKS,
    known,
    last_noted,
    queue_of,
)
from tests.integration.tasks.actions.test_bulk import fail
from tests.support.database.invariants import check_invariants
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import Conn, enqueue

pytestmark = pytest.mark.http

# Cancelling


def test_what_waits_is_cancelled_and_nothing_else(
    keyed: httpx.Client, made: dict[Status, str], db: psycopg.Connection, api_database: str
) -> None:
    queue = queue_of(keyed, made[Status.PENDING])
    later = keyed.post(
        "/api/v1/enqueue",
        json={
            "task_name": "add",
            "module_path": "m",
            "queue_name": queue,
            "scheduled_at": "2099-01-01T00:00:00Z",
        },
    ).json()["task_id"]
    response = keyed.post(CANCEL, params={"queue": queue, "dry_run": "true"})
    assert (response.status_code, response.json()) == (200, {"cancelled": 0, "matching": 2, "dry_run": True})
    assert keyed.post(CANCEL, params={"queue": queue}).json() == {"cancelled": 2}
    for task_id in (made[Status.PENDING], later):
        task = keyed.get(f"{TASKS}/{task_id}").json()
        assert (task["status"], task["completed_at"] is not None) == ("cancelled", True)
    assert keyed.get(f"{TASKS}/{made[Status.RUNNING]}").json()["status"] == "running"
    assert last_noted(db) == (
        "LAPINQ_API_KEY",
        "task.cancel_many",
        queue,
        {"filters": {"queue": queue}, "cancelled": 2},
    )
    assert keyed.post(CANCEL, params={"queue": queue, "status": "pending"}).json() == {"cancelled": 0}
    for status in set(Status) - {Status.PENDING}:
        response = keyed.post(CANCEL, params={"queue": queue, "status": status})
        assert (response.status_code, response.json()["details"][0]["loc"]) == (400, "status")
    check_invariants(api_database, [*made.values(), later])


def test_what_is_delayed_may_start_now_and_nothing_else(keyed: httpx.Client, db: psycopg.Connection) -> None:
    queue = "not yet due"
    body = {"task_name": "add", "module_path": "m", "queue_name": queue}
    later = {**body, "scheduled_at": "2099-01-01T00:00:00Z"}
    assert keyed.post("/api/v1/enqueue/batch", json=[later, body, later]).status_code == 201
    run = f"{TASKS}/run"
    response = keyed.post(run, params={"queue": queue, "dry_run": "true"})
    assert (response.status_code, response.json()) == (200, {"released": 0, "matching": 2, "dry_run": True})
    assert keyed.post(run, params={"queue": queue}).json() == {"released": 2}
    assert last_noted(db)[1:] == ("task.run_many", queue, {"filters": {"queue": queue}, "released": 2})
    assert keyed.post(run, params={"queue": queue, "status": "pending"}).json() == {"released": 0}
    for status in set(Status) - {Status.PENDING}:
        response = keyed.post(run, params={"queue": queue, "status": status})
        assert (response.status_code, response.json()["details"][0]["loc"]) == (400, "status")


def test_a_user_cancels_on_the_queue_they_name_and_may_cancel_on(
    api: httpx.Client, signed_in: httpx.Client, made: dict[Status, str]
) -> None:
    queue = queue_of(api, made[Status.PENDING])
    user = add_user(signed_in, "user", **{queue: ["cancel"]})
    with browser(api, user["username"], PASSWORD) as client:
        assert client.post(CANCEL).status_code == 403
        assert client.post(CANCEL, params={"queue": f"{queue} "}).status_code == 403
        assert client.post(CANCEL, params={"queue": queue}).json() == {"cancelled": 1}


# What only these calls are narrowed by


def test_a_time_narrows_them(keyed: httpx.Client, queue: str, api_database: str) -> None:
    ids = on_connections(api_database, partial(enqueue, count=1, queue_name=queue))
    made_at = keyed.get(f"{TASKS}/{ids[0]}").json()["created_at"]
    dry = {"queue": queue, "dry_run": "true"}
    hour = timedelta(hours=1)
    before, after = ((datetime.fromisoformat(made_at) + by).isoformat() for by in (-hour, hour))
    for query, matching in (
        ({"since": before}, 1),
        ({"since": after}, 0),
        ({"until": before}, 0),
        ({"until": after}, 1),
        ({"since": before, "until": after}, 1),
        ({"since": after, "until": before}, 0),
    ):
        assert keyed.delete(TASKS, params={**dry, **query}).json()["matching"] == matching, query
        assert keyed.post(CANCEL, params={**dry, **query}).json()["matching"] == matching, query
    assert keyed.delete(TASKS, params={"queue": queue, "since": before}).json()["deleted"] == 1


def test_a_worker_and_what_an_error_is_of_a_kind_with_narrow_them(
    keyed: httpx.Client, queue: str, api_database: str
) -> None:
    async def run(conn: Conn) -> None:
        for number in (1, 22):
            await fail(conn, 1, f"ValueError: no {number}\nmore", queue_name=queue)
        await fail(conn, 1, "ValueError: no number", queue_name=queue, task_name="adder")

    on_connections(api_database, run)
    worker = keyed.get(f"{TASKS}/failed", params={"queue": queue}).json()[0]["worker_id"]
    for query, matching in (
        ({"error_kind": "ValueError: no *"}, 2),
        ({"error_kind": "ValueError: no"}, 0),
        ({"error_kind": "ValueError: no *", "error": "22"}, 1),
        ({"name": "add"}, 2),
        ({"name": "adde"}, 0),
        ({"worker": worker}, 1),
        ({"worker": str(uuid4())}, 0),
    ):
        response = keyed.post(REQUEUE, params={"queue": queue, "dry_run": "true", **query})
        assert response.json()["matching"] == matching, query


def test_what_they_carry_and_several_values_narrow_them(
    keyed: httpx.Client, queue: str, api_database: str
) -> None:
    async def run(conn: Conn) -> None:
        await fail(conn, 1, "ValueError: no", queue_name=queue)
        await enqueue(conn, queue_name=queue, args=["x@y"], metadata={"by": "me"})
        await enqueue(conn, queue_name=queue, kwargs={"to": "x@y"}, task_name="sub")
        await enqueue(conn, queue_name=f"{queue}, 2", kwargs={"to": "x@y"})

    on_connections(api_database, run)
    for query, matching in (
        ({"args": "x@y"}, 1),
        ({"kwargs": "x@y"}, 1),
        ({"arguments": "x@y"}, 2),
        ({"metadata": '"me"'}, 1),
        ({"arguments": "x@y", "queue": "", "queues": f'{queue},"{queue}, 2"'}, 3),
        ({"names": "sub,mul"}, 1),
        ({"not_names": "sub"}, 2),
        ({"not_task_names": "u_"}, 2),
        ({"not_errors": "valueerror"}, 2),
        ({"state": "ready,failed"}, 3),
        ({"state": "failed,expired"}, 1),
        ({"state": "ready", "status": "failed"}, 0),
    ):
        asked = {name: text for name, text in {"queue": queue, **query}.items() if text}
        response = keyed.delete(TASKS, params={**asked, "dry_run": "true"})
        assert response.json()["matching"] == matching, query
        assert len(keyed.get(TASKS, params=asked).json()) == matching, query


def test_states_limit_what_a_call_may_change(keyed: httpx.Client, queue: str, api_database: str) -> None:
    async def run(conn: Conn) -> None:
        await enqueue(conn, queue_name=queue)
        later = await enqueue(conn, 2, queue_name=queue, scheduled_at="2099-01-01T00:00:00Z")
        await conn.execute("UPDATE lapinq_delayed SET starts = 1 WHERE id = %s", (later[1],))

    on_connections(api_database, run)
    run_now = f"{TASKS}/run"
    for path, state, error in (
        (run_now, "ready", "must be one of scheduled, retrying: only delayed"),
        (run_now, "failed", "must be one of scheduled, retrying: only delayed"),
        (CANCEL, "failed,running", "must be one of ready, scheduled, retrying, paused: running"),
        (REQUEUE, "ready", "must be failed: only failed"),
    ):
        response = keyed.post(path, params={"queue": queue, "state": state})
        assert (response.status_code, response.json()["details"][0]["loc"]) == (400, "state")
        assert response.json()["error"].startswith(f"state {error} ")
    assert keyed.post(run_now, params={"queue": queue, "state": "retrying"}).json() == {"released": 1}
    assert keyed.post(CANCEL, params={"queue": queue, "state": "ready,failed"}).json() == {"cancelled": 2}
    assert keyed.delete(TASKS, params={"queue": queue, "state": "scheduled"}).json()["deleted"] == 1
    for name, text in (("state", "pending"), ("queues", "a,"), ("not_names", "a\0b"), ("kwargs", "")):
        response = keyed.delete(TASKS, params={name: text, "dry_run": "true"})
        assert (response.status_code, response.json()["details"][0]["loc"]) == (400, name)


def test_a_user_needs_the_permission_on_each_of_several_queues(
    api: httpx.Client, signed_in: httpx.Client, queue: str
) -> None:
    user = add_user(signed_in, "user", **{queue: ["cancel"], f"{queue} 2": ["cancel"]})
    with browser(api, user["username"], PASSWORD) as client:
        assert client.post(CANCEL, params={"queues": f'{queue},"{queue} 2"'}).status_code == 200
        assert client.post(CANCEL, params={"queues": f"{queue},other"}).status_code == 403
        assert client.post(CANCEL, params={"not_queues": "other"}).status_code == 403


def test_a_whole_id_is_that_task_alone(
    keyed: httpx.Client, made: dict[Status, str], api_database: str
) -> None:
    task_id = made[Status.COMPLETED]
    queue = queue_of(keyed, task_id)
    running = {"id": made[Status.RUNNING], "queue": queue}
    assert keyed.delete(TASKS, params=running).json() == {"deleted": 0, "skipped_running": 1}
    assert keyed.delete(TASKS, params={"id": task_id, "queue": "other"}).json()["deleted"] == 0
    assert keyed.delete(TASKS, params={"id": task_id, "queue": queue}).json()["deleted"] == 1
    assert keyed.delete(TASKS, params={"id": task_id[:30], "queue": queue}).json()["deleted"] == 0
    left = [one for one in made.values() if one != task_id]
    assert known(keyed, list(made.values())) == left
    check_invariants(api_database, left)
