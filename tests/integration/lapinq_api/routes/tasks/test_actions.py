"""Cancelling, stopping, requeueing and running a task now over HTTP, and its progress as others tell it.

What these do to a task is in `tests/integration/tasks/actions`.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_core.db.channels import WATCH_CHANNEL
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.actions import CANCEL_CHANNEL
from lapinq_core.tasks.worker_verbs import Ended
from lapinq_core.upkeep import maintenance_jobs
from tests.support.database.invariants import check_invariants
from tests.support.database.ready_channels import waking
from tests.support.database.running import on_connections
from tests.support.http.refusals import check_refused
from tests.support.rows.factories import Conn, add_worker, claim

TASKS = "/api/v1/tasks"
NIL = "00000000-0000-0000-0000-000000000000"
UNKNOWN = {"error": "there is no task with this id"}


def status(api: httpx.Client, task_id: str) -> str:
    return api.get(f"{TASKS}/{task_id}").json()["status"]


def assert_untouched(api: httpx.Client, made: dict[Status, str]) -> None:
    assert {found: status(api, task_id) for found, task_id in made.items()} == {
        found: found.value for found in made
    }


def later(api: httpx.Client, queue: str) -> str:
    """The id of a task that is due in some years."""
    task = {"task_name": "send", "module_path": "app.mail", "queue_name": queue, "scheduled_at": "2031-01-01"}
    return api.post("/api/v1/enqueue", json=task).json()["task_id"]


# What is done


def test_what_waits_is_cancelled(api: httpx.Client, made: dict[Status, str], queue: str) -> None:
    task_id = made[Status.PENDING]
    response = api.delete(f"{TASKS}/{task_id.upper()}")
    assert (response.status_code, response.json()) == (200, {"id": task_id, "status": "cancelled"})
    assert api.get(f"{TASKS}/{task_id}/result").json()["status"] == "cancelled"
    for query in ("running=false", "running=true"):
        assert api.delete(f"{TASKS}/{later(api, queue)}?{query}").json()["status"] == "cancelled"


def test_a_running_task_is_asked_to_stop_and_its_worker_is_told(
    api: httpx.Client, db: psycopg.Connection, held: Claim
) -> None:
    db.execute(f"LISTEN {CANCEL_CHANNEL}")
    try:
        for _ in range(2):  # to ask again is no error
            response = api.delete(f"{TASKS}/{held.id}?running=true")
            expected = {"id": held.id, "status": "running", "cancel_requested": True}
            assert (response.status_code, response.json()) == (202, expected)
        heard = next(db.notifies(timeout=30))
        assert (heard.channel, heard.payload) == (CANCEL_CHANNEL, f"{held.id} {held.token}")
    finally:
        db.execute(f"UNLISTEN {CANCEL_CHANNEL}")
    assert status(api, held.id) == "running"


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


def test_a_failed_task_waits_again_and_workers_are_woken(
    api: httpx.Client, db: psycopg.Connection, made: dict[Status, str]
) -> None:
    task_id = made[Status.FAILED]
    with waking(db, api.get(f"{TASKS}/{task_id}").json()["queue_name"]):
        response = api.post(f"{TASKS}/{task_id.upper()}/requeue", json={})
    assert (response.status_code, response.json()) == (200, {"id": task_id, "status": "pending"})
    again = api.post(f"{TASKS}/{task_id}/requeue")
    assert (again.status_code, again.json()) == (
        404,
        {"error": "only a failed task can be requeued, and this one is pending"},
    )


def test_a_requeued_task_past_its_time_to_live_expires(
    api: httpx.Client, db: psycopg.Connection, made: dict[Status, str], api_database: str
) -> None:
    task_id = made[Status.FAILED]
    db.execute("UPDATE lapinq_tasks SET expires_at = now() - interval '1 s' WHERE id = %s", (task_id,))
    assert api.post(f"{TASKS}/{task_id}/requeue").status_code == 200
    on_connections(api_database, maintenance_jobs.expire)
    assert status(api, task_id) == "expired"


def test_a_task_that_waits_for_its_time_is_run_now_and_workers_are_woken(
    api: httpx.Client, db: psycopg.Connection, queue: str, api_database: str
) -> None:
    task_id = later(api, queue)
    with waking(db, queue):
        response = api.post(f"{TASKS}/{task_id.upper()}/run")
    assert (response.status_code, response.json()) == (200, {"id": task_id, "status": "pending"})
    assert db.execute("SELECT count(*) FROM lapinq_ready WHERE id = %s", (task_id,)).fetchone() == (1,)
    check_invariants(api_database, [task_id])


def test_progress_is_noted_and_shown(api: httpx.Client, db: psycopg.Connection, held: Claim) -> None:
    path = f"{TASKS}/{held.id.upper()}/progress"
    longest = "é" * 1000
    for body, message in (
        ({"progress": 0}, None),
        ({"progress": 40, "message": "naïve 🐇\n2"}, "naïve 🐇\n2"),
        ({"progress": 41, "message": ""}, ""),
        ({"progress": 100, "message": longest}, longest),
        ({"message": None, "progress": 7}, None),
    ):
        response = api.patch(path, json=body, headers={"X-Lapinq-Claim": claim_seq(db, held.id)})
        expected = {"id": held.id, "progress": body["progress"], "message": message}
        assert (response.status_code, response.json()) == (200, expected)
        task = api.get(f"{TASKS}/{held.id}").json()
        assert (task["progress"], task["progress_message"]) == (body["progress"], message)
    assert api.patch(path, json={"progress": 8}).status_code == 200, "of any claim"


def test_a_straggler_of_an_earlier_claim_changes_nothing(
    api: httpx.Client, db: psycopg.Connection, held: Claim, api_database: str
) -> None:
    earlier = claim_seq(db, held.id)

    async def retry(conn: Conn) -> None:
        await worker_verbs.settle(conn, [Ended(held.id, held.token, False, True, 0, "lost")])
        assert await claim(conn, await add_worker(conn), queue=held.queue_name)

    on_connections(api_database, retry)
    for seq, code in ((earlier, 409), (claim_seq(db, held.id), 200), (str(2**63 - 1), 409)):
        answer = api.patch(
            f"{TASKS}/{held.id}/progress", json={"progress": 5}, headers={"X-Lapinq-Claim": seq}
        )
        assert answer.status_code == code, seq
        assert code == 200 or "another claim than X-Lapinq-Claim names" in answer.json()["error"]


def claim_seq(db: psycopg.Connection, task_id: str) -> str:
    row = db.execute("SELECT seq::text FROM lapinq_running WHERE id = %s", (task_id,)).fetchone()
    assert row is not None
    return row[0]


# What is refused

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


@pytest.fixture
def untouched(api: httpx.Client, api_database: str, made: dict[Status, str]) -> Iterator[dict[Status, str]]:
    """A task of every status. None of them is changed."""
    yield made
    assert_untouched(api, made)
    check_invariants(api_database, made.values())


def test_what_has_another_status_is_refused_with_the_reason(
    api: httpx.Client, untouched: dict[Status, str]
) -> None:
    for (method, path), (taken, error) in CALLS.items():
        body = {"progress": 1} if method == "PATCH" else None
        for found in set(Status) - taken:
            answer = api.request(method, f"{TASKS}/{untouched[found]}{path}", json=body)
            expected = OTHERWISE.get((method, path, found), error.format(found))
            assert answer.json() == {"error": expected}, (method, path, found)
            assert answer.status_code == (409 if method == "PATCH" else 404)
        unknown = api.request(method, f"{TASKS}/{NIL}{path}", json=body)
        assert (unknown.status_code, unknown.json()) == (404, UNKNOWN)


def test_ids_parameters_and_bodies_are_read_as_strictly_as_elsewhere(
    api: httpx.Client, untouched: dict[Status, str]
) -> None:
    found = {("DELETE", "?running=true"): Status.RUNNING, ("POST", "/requeue"): Status.FAILED}
    for method, path in (*CALLS, ("GET", "/attempts")):
        body = {"progress": 1} if method == "PATCH" else None
        where = path.partition("?")[0]
        for malformed in ("1", NIL[:-1], f"{{{NIL}}}", "%ff", "x" * 5000):
            answer = api.request(method, f"{TASKS}/{malformed}{path}", json=body)
            assert (answer.status_code, answer.json()["details"][0]["loc"]) == (400, "id")
        url = f"{TASKS}/{untouched[found.get((method, path), Status.PENDING)]}"
        for query, loc in (
            ("force=1", "force"),
            ("running=true&running=true", "running"),
            ("a=%ff", "the query"),
        ):
            answer = api.request(method, f"{url}{where}?{query}", json=body)
            assert (answer.status_code, answer.json()["details"][0]["loc"]) == (400, loc)
        if method in {"DELETE", "POST"}:
            check_refused(api, method, url + path, [({"running": True}, "running"), ([], ""), (b"{", "")])
            text = {"Content-Type": "text/plain"}
            assert api.request(method, url + path, content=b"{}", headers=text).status_code == 415
            assert api.request(method, url + path, content=iter([b" " * 65_536] * 17)).status_code == 413
    for running in ("", "1", "True", "no", "true%00", "%20true"):
        answer = api.delete(f"{TASKS}/{untouched[Status.RUNNING]}?running={running}")
        assert answer.json()["details"] == [{"loc": "running", "msg": "must be true or false"}]


@pytest.mark.parametrize(
    "sent", [{"content": b"", "headers": {"Content-Type": "text/plain"}}, {"content": iter([b"{", b"}"])}]
)
def test_a_body_that_asks_for_nothing_is_taken(
    api: httpx.Client, made: dict[Status, str], sent: dict[str, Any]
) -> None:
    assert api.request("POST", f"{TASKS}/{made[Status.FAILED]}/requeue", **sent).status_code == 200


def test_a_wrong_method_is_a_405(api: httpx.Client) -> None:
    for method, path, allowed in (
        ("PUT", "", {"GET", "HEAD", "DELETE"}),
        ("GET", "/requeue", {"POST"}),
        ("GET", "/run", {"POST"}),
        ("DELETE", "/attempts", {"GET", "HEAD"}),
        ("POST", "/progress", {"PATCH"}),
        ("OPTIONS", "", {"GET", "HEAD", "DELETE"}),
    ):
        response = api.request(method, f"{TASKS}/{NIL}{path}")
        assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, allowed)


def test_a_claim_that_cannot_be_is_refused_by_the_name_of_its_header(api: httpx.Client, held: Claim) -> None:
    values = [
        b"",
        b"x",
        b"-1",
        b"+1",
        b"1.0",
        b"1 2",
        b"1_0",
        b"0x1",
        b"\xd9\xa3",
        b"\xff",
        b"9" * 5000,
        b"1,1",
    ]
    answer = None
    for sent in (*([value] for value in (*values, str(2**63).encode())), [b"1", b"1"]):
        headers = [(b"X-Lapinq-Claim", value) for value in sent]
        answer = api.patch(f"{TASKS}/{held.id}/progress", json={"progress": 1}, headers=headers)
        assert (answer.status_code, answer.json()["details"][0]["loc"]) == (400, "X-Lapinq-Claim"), sent
    assert answer is not None
    assert answer.json()["error"] == "X-Lapinq-Claim must be given once"


def test_a_wrong_progress_is_refused_by_its_place(api: httpx.Client, held: Claim) -> None:
    check_refused(
        api,
        "PATCH",
        f"{TASKS}/{held.id}/progress",
        [
            ({}, "progress", "is required"),
            ({"progress": None}, "progress", "must be an integer, not null"),
            ({"progress": True}, "progress", "must be an integer, not a boolean"),
            ({"progress": 5.0}, "progress", "must be an integer, not a decimal fraction"),
            ({"progress": -1}, "progress", "must be between 0 and 100"),
            ({"progress": 101}, "progress", "must be between 0 and 100"),
            ({"progress": 10**30}, "progress", "must be between 0 and 100"),
            (b'{"progress":' + b"9" * 5000 + b"}", "progress", "must be a number within range"),
            ({"progress": 1, "message": 1}, "message", "must be a string, not an integer"),
            ({"progress": 1, "message": "a\0"}, "message", "NUL"),
            (b'{"progress":1,"message":"\\ud800"}', "", "is not valid JSON"),
            ({"progress": 1, "message": "x" * 1001}, "message", "at most 1000 characters"),
            ({"progress": 1, "percent": 1}, "percent", "is not a known field"),
            (b"", "", "it ends too early"),
        ],
    )
    assert api.get(f"{TASKS}/{held.id}").json()["progress"] is None
