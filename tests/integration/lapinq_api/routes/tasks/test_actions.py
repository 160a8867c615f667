"""Cancelling, stopping and requeueing a task over HTTP, its progress, and the list of its attempts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_core.db import ready_notices
from lapinq_core.db.channels import WATCH_CHANNEL
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.actions import CANCEL_CHANNEL
from lapinq_core.tasks.worker_verbs import Ended
from lapinq_core.upkeep import maintenance_jobs
from tests.support.database import ready_channels
from tests.support.database.invariants import check_invariants
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue

Serve = Callable[..., httpx.Client]

NIL = "00000000-0000-0000-0000-000000000000"
UNKNOWN = {"error": "there is no task with this id"}


def status(api: httpx.Client, task_id: str) -> str:
    return api.get(f"/api/v1/tasks/{task_id}").json()["status"]


def assert_untouched(api: httpx.Client, made: dict[Status, str]) -> None:
    assert {status: status.value for status in made} == {
        wanted: status(api, task_id) for wanted, task_id in made.items()
    }


# Cancel


@pytest.mark.parametrize("query", ["", "?running=false", "?running=true"])
def test_a_pending_task_is_cancelled(
    api: httpx.Client, made: dict[Status, str], query: str, api_database: str
) -> None:
    task_id = made[Status.PENDING]
    response = api.delete(f"/api/v1/tasks/{task_id.upper()}{query}")
    assert (response.status_code, response.json()) == (200, {"id": task_id, "status": "cancelled"})
    assert status(api, task_id) == "cancelled"
    assert api.get(f"/api/v1/tasks/{task_id}/result").json()["status"] == "cancelled"
    check_invariants(api_database, made.values())


def test_a_task_that_is_scheduled_is_pending_too(api: httpx.Client) -> None:
    task = {"task_name": "send", "module_path": "app.mail", "scheduled_at": "2031-01-01T00:00:00Z"}
    task_id = api.post("/api/v1/enqueue", json=task).json()["task_id"]
    assert api.delete(f"/api/v1/tasks/{task_id}").status_code == 200
    assert status(api, task_id) == "cancelled"


def test_what_is_not_pending_is_not_cancelled_and_the_answer_says_why(
    api: httpx.Client, made: dict[Status, str]
) -> None:
    for found, task_id in made.items():
        if found in FINAL:
            response = api.delete(f"/api/v1/tasks/{task_id}")
            assert response.status_code == 404
            error = f"only a pending task can be cancelled, and this one is {found}"
            assert response.json() == {"error": error}
            response = api.delete(f"/api/v1/tasks/{task_id}?running=true")
            assert response.status_code == 404
            error = f"only a pending or running task can be cancelled, and this one is {found}"
            assert response.json() == {"error": error}
    response = api.delete(f"/api/v1/tasks/{made[Status.RUNNING]}")
    assert response.status_code == 404
    assert "DELETE with ?running=true to ask it to stop" in response.json()["error"]
    for query in ("", "?running=true"):
        response = api.delete(f"/api/v1/tasks/{NIL}{query}")
        assert (response.status_code, response.json()) == (404, UNKNOWN)
    assert_untouched(api, made)


def test_a_worker_is_told_that_somebody_looks_at_its_attempt(
    api: httpx.Client, db: psycopg.Connection, held: Claim
) -> None:
    db.execute(f"LISTEN {WATCH_CHANNEL}")
    try:
        api.get(f"/api/v1/tasks/{held.id}/attempts").raise_for_status()
        heard = next(db.notifies(timeout=5))
        assert (heard.channel, heard.payload) == (WATCH_CHANNEL, held.id)
    finally:
        db.execute(f"UNLISTEN {WATCH_CHANNEL}")


def test_a_running_task_is_asked_to_stop_and_its_worker_is_told(
    api: httpx.Client, db: psycopg.Connection, held: Claim, api_database: str
) -> None:
    db.execute(f"LISTEN {CANCEL_CHANNEL}")
    try:
        for _ in range(2):  # to ask again is no error
            response = api.delete(f"/api/v1/tasks/{held.id}?running=true")
            expected = {"id": held.id, "status": "running", "cancel_requested": True}
            assert (response.status_code, response.json()) == (202, expected)
        heard = next(db.notifies(timeout=5))
        assert (heard.channel, heard.payload) == (CANCEL_CHANNEL, f"{held.id} {held.token}")
    finally:
        db.execute(f"UNLISTEN {CANCEL_CHANNEL}")
    assert status(api, held.id) == "running"

    async def retry(conn: Conn) -> None:
        await worker_verbs.settle(
            conn, [Ended(held.id, held.token, final=False, counts=True, delay=0, error="stopped")]
        )

    on_connections(api_database, retry)
    assert status(api, held.id) == "cancelled"
    response = api.delete(f"/api/v1/tasks/{held.id}?running=true")
    assert response.status_code == 404
    check_invariants(api_database, [held.id])


def test_a_task_that_completes_before_its_worker_hears_of_it_is_completed(
    api: httpx.Client, held: Claim, api_database: str
) -> None:
    assert api.delete(f"/api/v1/tasks/{held.id}?running=true").status_code == 202
    assert on_connections(api_database, partial(complete, claims=[held])) == 1
    assert status(api, held.id) == "completed"


@pytest.mark.parametrize("running", ["", "1", "True", "yes", "no", "null", "true%00", "%20true"])
def test_a_wrong_value_of_running_is_refused_by_its_name(
    api: httpx.Client, made: dict[Status, str], running: str
) -> None:
    for found in (Status.PENDING, Status.RUNNING):
        response = api.delete(f"/api/v1/tasks/{made[found]}?running={running}")
        assert response.status_code == 400
        assert response.json() == {
            "error": "running must be true or false",
            "details": [{"loc": "running", "msg": "must be true or false"}],
        }
    assert_untouched(api, made)


def test_tasks_that_workers_take_at_the_same_moment_are_stopped_one_way_or_the_other(
    api: httpx.Client, api_database: str
) -> None:
    queue = "taken at the same moment"
    ids = on_connections(api_database, partial(enqueue, count=120, queue_name=queue))

    def stop(task_id: str) -> int:
        return api.delete(f"/api/v1/tasks/{task_id}?running=true").status_code

    async def take_all(conn: Conn) -> list[Claim]:
        worker = await add_worker(conn)
        taken: list[Claim] = []
        while claims := await claim(conn, worker, 3, queue):
            taken += claims
        return taken

    with ThreadPoolExecutor(5) as threads:
        taking = threads.submit(on_connections, api_database, take_all)
        answers = list(threads.map(stop, ids))
        taken = {one.id: one for one in taking.result()}
    assert set(answers) <= {200, 202}
    assert {task_id for task_id, answer in zip(ids, answers, strict=True) if answer == 202} == set(taken)

    async def retry(conn: Conn) -> None:
        ended = [
            Ended(one.id, one.token, final=False, counts=True, delay=0, error="stopped")
            for one in sorted(taken.values(), key=lambda one: one.id)
        ]
        await worker_verbs.settle(conn, ended)

    if taken:
        on_connections(api_database, retry)
    assert {status(api, task_id) for task_id in ids} == {"cancelled"}
    check_invariants(api_database, ids)


# Requeue


def test_a_failed_task_waits_again_and_workers_are_woken(
    api: httpx.Client, db: psycopg.Connection, made: dict[Status, str], api_database: str
) -> None:
    task_id = made[Status.FAILED]
    queue = api.get(f"/api/v1/tasks/{task_id}").json()["queue_name"]
    db.execute(ready_channels.LISTEN)
    try:
        response = api.post(f"/api/v1/tasks/{task_id.upper()}/requeue")
        assert (response.status_code, response.json()) == (200, {"id": task_id, "status": "pending"})
        assert next(
            note for note in db.notifies(timeout=5) if ready_notices.read(note.payload).queue == queue
        )
    finally:
        db.execute("UNLISTEN *")
    assert status(api, task_id) == "pending"
    again = api.post(f"/api/v1/tasks/{task_id}/requeue")
    assert again.status_code == 404
    assert again.json() == {"error": "only a failed task can be requeued, and this one is pending"}
    check_invariants(api_database, made.values())


def test_what_did_not_fail_is_not_requeued(api: httpx.Client, made: dict[Status, str]) -> None:
    for found, task_id in made.items():
        if found is not Status.FAILED:
            response = api.post(f"/api/v1/tasks/{task_id}/requeue")
            assert response.status_code == 404
            error = f"only a failed task can be requeued, and this one is {found}"
            assert response.json() == {"error": error}
    response = api.post(f"/api/v1/tasks/{NIL}/requeue")
    assert (response.status_code, response.json()) == (404, UNKNOWN)
    assert_untouched(api, made)


def test_of_many_requeues_at_once_one_is_done(
    api: httpx.Client, made: dict[Status, str], api_database: str
) -> None:
    path = f"/api/v1/tasks/{made[Status.FAILED]}/requeue"
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(api.post, path) for _ in range(8)]
        answers = sorted(future.result().status_code for future in asked)
    assert answers == [200] + [404] * 7
    check_invariants(api_database, made.values())


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"json": {}},
        {"content": b"", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"content": iter([b"{", b"}"])},
    ],
)
def test_a_body_that_asks_for_nothing_is_taken(
    api: httpx.Client, made: dict[Status, str], sent: dict[str, Any]
) -> None:
    response = api.request("POST", f"/api/v1/tasks/{made[Status.FAILED]}/requeue", **sent)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("DELETE", "", Status.PENDING),
        ("DELETE", "?running=true", Status.RUNNING),
        ("POST", "/requeue", Status.FAILED),
    ],
)
def test_a_body_that_asks_for_more_is_refused(
    api: httpx.Client, made: dict[Status, str], method: str, path: str, found: Status
) -> None:
    url = f"/api/v1/tasks/{made[found]}{path}"
    response = api.request(method, url, json={"running": True})
    assert response.status_code == 400
    assert response.json()["error"] == "running is not a known field"
    assert api.request(method, url, json=[]).json()["error"] == "the body must be an object, not a list"
    assert api.request(method, url, content=b"{").status_code == 400
    assert api.request(method, url, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert api.request(method, url, content=iter([b" " * 65_536] * 17)).status_code == 413
    assert_untouched(api, made)


# All of them


def test_ids_and_parameters_are_read_as_strictly_as_elsewhere(
    api: httpx.Client, made: dict[Status, str]
) -> None:
    calls = (
        ("DELETE", ""),
        ("POST", "/requeue"),
        ("POST", "/run"),
        ("PATCH", "/progress"),
        ("GET", "/attempts"),
    )
    for method, path in calls:
        body = {"progress": 1} if method == "PATCH" else None
        for malformed in ("1", NIL[:-1], f"{{{NIL}}}", "%ff", "x" * 5000):
            response = api.request(method, f"/api/v1/tasks/{malformed}{path}", json=body)
            assert response.status_code == 400
            assert response.json()["details"][0]["loc"] == "id"
        for query, loc in (
            ("force=1", "force"),
            ("running=true&running=true", "running"),
            ("a=%ff", "the query"),
        ):
            response = api.request(method, f"/api/v1/tasks/{made[Status.PENDING]}{path}?{query}", json=body)
            assert response.status_code == 400
            assert response.json()["details"][0]["loc"] == loc
    assert_untouched(api, made)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "", {"GET", "HEAD", "DELETE"}),
        ("GET", "/requeue", {"POST"}),
        ("GET", "/run", {"POST"}),
        ("DELETE", "/attempts", {"GET", "HEAD"}),
        ("POST", "/progress", {"PATCH"}),
        ("OPTIONS", "", {"GET", "HEAD", "DELETE"}),
    ],
)
def test_a_wrong_method_is_a_405(api: httpx.Client, method: str, path: str, allowed: set[str]) -> None:
    response = api.request(method, f"/api/v1/tasks/{NIL}{path}")
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == allowed


def test_the_key_guards_them_all(serve: Serve, made: dict[Status, str]) -> None:
    client = serve(api_key="secret")
    calls = (
        ("DELETE", f"{made[Status.PENDING]}", 200),
        ("DELETE", f"{made[Status.RUNNING]}?running=true", 202),
        ("POST", f"{made[Status.FAILED]}/requeue", 200),
        ("POST", f"{made[Status.RUNNING]}/run", 404),
        ("PATCH", f"{made[Status.RUNNING]}/progress", 400),
        ("GET", f"{made[Status.RUNNING]}/attempts", 200),
    )
    for method, path, _ in calls:
        assert client.request(method, f"/api/v1/tasks/{path}").status_code == 401
    for method, path, allowed in calls:
        response = client.request(method, f"/api/v1/tasks/{path}", headers={"X-API-Key": "secret"})
        assert response.status_code == allowed


def test_a_requeued_task_past_its_time_to_live_expires(
    api: httpx.Client, db: psycopg.Connection, made: dict[Status, str], api_database: str
) -> None:
    task_id = made[Status.FAILED]
    db.execute("UPDATE lapinq_tasks SET expires_at = now() - interval '1 s' WHERE id = %s", (task_id,))
    assert api.post(f"/api/v1/tasks/{task_id}/requeue").status_code == 200
    on_connections(api_database, maintenance_jobs.expire)
    assert status(api, task_id) == "expired"
