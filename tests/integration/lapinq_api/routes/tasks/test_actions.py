"""Cancelling, stopping, requeueing and running a task now over HTTP, and its progress as others tell it.

What these do to a task is in `tests/integration/tasks/actions`.
"""

import httpx
import psycopg

from lapinq_core.db.notify.channels import WATCH_CHANNEL
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import Status
from tests.support.database.invariants import check_invariants
from tests.support.database.ready_channels import waking
from tests.support.http.refusals import check_refused

TASKS = "/api/v1/tasks"
NIL = "00000000-0000-0000-0000-000000000000"


def status(api: httpx.Client, task_id: str) -> str:
    return api.get(f"{TASKS}/{task_id}").json()["status"]


def later(api: httpx.Client, queue: str) -> str:
    """The id of a task that is due in some years."""
    task = {"task_name": "send", "module_path": "app.mail", "queue_name": queue, "scheduled_at": "2031-01-01"}
    return api.post("/api/v1/enqueue", json=task).json()["task_id"]


def test_what_waits_is_cancelled_and_what_runs_is_asked_to_stop(
    api: httpx.Client, made: dict[Status, str], queue: str
) -> None:
    task_id, running = made[Status.PENDING], made[Status.RUNNING]
    response = api.delete(f"{TASKS}/{task_id.upper()}")
    assert (response.status_code, response.json()) == (200, {"id": task_id, "status": "cancelled"})
    for query in ("running=false", "running=true"):
        assert api.delete(f"{TASKS}/{later(api, queue)}?{query}").json()["status"] == "cancelled"
    for _ in range(2):  # to ask again is no error
        response = api.delete(f"{TASKS}/{running}?running=true")
        expected = {"id": running, "status": "running", "cancel_requested": True}
        assert (response.status_code, response.json()) == (202, expected)


def test_a_failed_task_and_one_that_waits_for_its_time_wait_now_and_workers_are_woken(
    api: httpx.Client, db: psycopg.Connection, made: dict[Status, str], queue: str
) -> None:
    failed = made[Status.FAILED]
    for task_id, action in ((failed, "requeue"), (later(api, queue), "run")):
        with waking(db, api.get(f"{TASKS}/{task_id}").json()["queue_name"]):
            response = api.post(f"{TASKS}/{task_id.upper()}/{action}", json={})
        assert (response.status_code, response.json()) == (200, {"id": task_id, "status": "pending"})
        assert db.execute("SELECT count(*) FROM lapinq_ready WHERE id = %s", (task_id,)).fetchone() == (1,)


def test_a_worker_is_told_that_somebody_looks_at_its_attempt(
    api: httpx.Client, db: psycopg.Connection, held: Claim
) -> None:
    db.execute(f"LISTEN {WATCH_CHANNEL}")
    try:
        api.get(f"{TASKS}/{held.id}/attempts").raise_for_status()
        # a notice of the test before may still be unread
        heard = next(note for note in db.notifies(timeout=30) if note.channel == WATCH_CHANNEL)
        assert heard.payload == held.id
    finally:
        db.execute(f"UNLISTEN {WATCH_CHANNEL}")


CALLS: dict[tuple[str, str], tuple[set[Status], str]] = {
    ("DELETE", ""): ({Status.PENDING}, "only a pending task can be cancelled, and this one is {}"),
    ("DELETE", "?running=true"): (
        {Status.PENDING, Status.RUNNING},
        "only a pending or running task can be cancelled, and this one is {}",
    ),
    ("POST", "/requeue"): ({Status.FAILED}, "only a failed task can be requeued, and this one is {}"),
    ("POST", "/run"): (set(), "only a pending task can be run now, and this one is {}"),
    ("PATCH", "/progress"): ({Status.RUNNING}, "the task is not running, so it has no progress"),
}
"""Each call, the statuses of which it takes a task, and what it says of others."""
OTHERWISE = {
    ("DELETE", "", Status.RUNNING): "the task is running: use DELETE with ?running=true to ask it to stop",
    ("POST", "/run", Status.PENDING): "the task is not delayed: it already waits for a worker",
}


def test_what_has_another_status_is_refused_with_the_reason(
    api: httpx.Client, made: dict[Status, str], api_database: str
) -> None:
    for (method, path), (taken, error) in CALLS.items():
        body = {"progress": 1} if method == "PATCH" else None
        for found in set(Status) - taken:
            answer = api.request(method, f"{TASKS}/{made[found]}{path}", json=body)
            expected = OTHERWISE.get((method, path, found), error.format(found))
            assert answer.json() == {"error": expected}, (method, path, found)
            assert answer.status_code == (409 if method == "PATCH" else 404)
        unknown = api.request(method, f"{TASKS}/{NIL}{path}", json=body)
        assert (unknown.status_code, unknown.json()) == (404, {"error": "there is no task with this id"})
    assert {found: status(api, task_id) for found, task_id in made.items()} == {
        found: found for found in made
    }
    check_invariants(api_database, made.values())


def test_progress_is_noted_and_shown_unless_another_claim_reports_it(api: httpx.Client, held: Claim) -> None:
    path = f"{TASKS}/{held.id.upper()}/progress"
    headers = {"X-Lapinq-Claim": str(held.claim_seq)}
    for body, message in (
        ({"progress": 0}, None),
        ({"progress": 40, "message": "naïve 🐇\n2"}, "naïve 🐇\n2"),
        ({"progress": 100, "message": "é" * 1000}, "é" * 1000),
        ({"message": None, "progress": 7}, None),
    ):
        response = api.patch(path, json=body, headers=headers)
        expected = {"id": held.id, "progress": body["progress"], "message": message}
        assert (response.status_code, response.json()) == (200, expected)
        task = api.get(f"{TASKS}/{held.id}").json()
        assert (task["progress"], task["progress_message"]) == (body["progress"], message)
    assert api.patch(path, json={"progress": 8}).status_code == 200, "of any claim"
    other = api.patch(path, json={"progress": 9}, headers={"X-Lapinq-Claim": str(2**63 - 1)})
    assert other.status_code == 409
    assert "another claim than X-Lapinq-Claim names" in other.json()["error"]
    for wrong in ([b"x"], [b"1", b"1"]):
        answer = api.patch(path, json={"progress": 9}, headers=[(b"X-Lapinq-Claim", one) for one in wrong])
        assert (answer.status_code, answer.json()["details"][0]["loc"]) == (400, "X-Lapinq-Claim")
    check_refused(
        api,
        "PATCH",
        path,
        [
            ({}, "progress", "is required"),
            ({"progress": 5.0}, "progress", "must be an integer, not a decimal fraction"),
            ({"progress": -1}, "progress", "must be between 0 and 100"),
            ({"progress": 101}, "progress", "must be between 0 and 100"),
            ({"progress": 1, "message": "a\0"}, "message", "NUL"),
            ({"progress": 1, "message": "x" * 1001}, "message", "at most 1000 characters"),
        ],
    )
    assert api.get(f"{TASKS}/{held.id}").json()["progress"] == 8
