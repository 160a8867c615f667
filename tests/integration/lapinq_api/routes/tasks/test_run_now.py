"""Running a task now, over HTTP, that waits for its time."""

import httpx
import psycopg

from lapinq_core.db import ready_notices
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import Status
from tests.integration.lapinq_api.routes.tasks.test_actions import NIL, UNKNOWN, assert_untouched
from tests.support.database import ready_channels
from tests.support.database.invariants import check_invariants
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, claim


def later(api: httpx.Client, queue: str) -> str:
    task = {"task_name": "send", "module_path": "app.mail", "queue_name": queue, "scheduled_at": "2031-01-01"}
    return api.post("/api/v1/enqueue", json=task).json()["task_id"]


def test_a_task_that_waits_for_its_time_is_run_now_and_workers_are_woken(
    api: httpx.Client, db: psycopg.Connection, queue: str, api_database: str
) -> None:
    task_id = later(api, queue)
    db.execute(ready_channels.LISTEN)
    try:
        response = api.post(f"/api/v1/tasks/{task_id.upper()}/run")
        assert (response.status_code, response.json()) == (200, {"id": task_id, "status": "pending"})
        assert next(
            note for note in db.notifies(timeout=5) if ready_notices.read(note.payload).queue == queue
        )
    finally:
        db.execute("UNLISTEN *")

    async def take(conn: Conn) -> list[Claim]:
        return await claim(conn, await add_worker(conn), queue=queue)

    assert [one.id for one in on_connections(api_database, take)] == [task_id]
    check_invariants(api_database, [task_id])


def test_what_waits_for_no_time_is_not_run_now(api: httpx.Client, made: dict[Status, str]) -> None:
    for found, task_id in made.items():
        response = api.post(f"/api/v1/tasks/{task_id}/run")
        assert response.status_code == 404
        if found is Status.PENDING:
            assert response.json() == {"error": "the task is not delayed: it already waits for a worker"}
        else:
            error = f"only a pending task can be run now, and this one is {found}"
            assert response.json() == {"error": error}
    response = api.post(f"/api/v1/tasks/{NIL}/run")
    assert (response.status_code, response.json()) == (404, UNKNOWN)
    assert_untouched(api, made)


def test_a_body_that_asks_for_more_than_to_run_now_is_refused(api: httpx.Client, queue: str) -> None:
    url = f"/api/v1/tasks/{later(api, queue)}/run"
    response = api.post(url, json={"priority": 5})
    assert (response.status_code, response.json()["error"]) == (400, "priority is not a known field")
    assert api.post(url, json={}).status_code == 200
