"""The progress of a running task as somebody outside of its worker tells it, and the list of a task's attempts."""

import httpx
import psycopg
import pytest

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, claim

NIL = "00000000-0000-0000-0000-000000000000"
UNKNOWN = {"error": "there is no task with this id"}
ATTEMPT_FIELDS = [
    "attempt", "outcome", "result", "error", "traceback", "logs", "progress", "progress_message", "run_seconds",
    "started_at", "finished_at", "worker_id", "final", "requeued_at", "requeued_by", "has_profile",
]  # fmt: skip


def claim_seq(db: psycopg.Connection, task_id: str) -> int:
    row = db.execute("SELECT seq FROM lapinq_running WHERE id = %s", (task_id,)).fetchone()
    assert row is not None
    return row[0]


def test_progress_is_noted_and_shown(api: httpx.Client, db: psycopg.Connection, held: Claim) -> None:
    path = f"/api/v1/tasks/{held.id.upper()}/progress"
    longest = "é" * 1000
    for body, message in (
        ({"progress": 0}, None),
        ({"progress": 40, "message": "naïve 🐇\n2"}, "naïve 🐇\n2"),
        ({"progress": 41, "message": ""}, ""),
        ({"progress": 100, "message": longest}, longest),
        ({"message": None, "progress": 7}, None),
    ):
        for headers in ({}, {"X-Lapinq-Claim": str(claim_seq(db, held.id))}):
            response = api.patch(path, json=body, headers=headers)
            expected = {"id": held.id, "progress": body["progress"], "message": message}
            assert (response.status_code, response.json()) == (200, expected)
            task = api.get(f"/api/v1/tasks/{held.id}").json()
            assert (task["progress"], task["progress_message"]) == (body["progress"], message)


def test_progress_of_a_task_that_does_not_run_is_a_409_and_of_an_unknown_one_a_404(
    api: httpx.Client, made: dict[Status, str]
) -> None:
    for found, task_id in made.items():
        if found is not Status.RUNNING:
            response = api.patch(f"/api/v1/tasks/{task_id}/progress", json={"progress": 1})
            assert response.status_code == 409
            error = "the task is not running, so it has no progress"
            assert response.json() == {"error": error}
            assert api.get(f"/api/v1/tasks/{task_id}").json()["progress"] is None
    for headers in ({}, {"X-Lapinq-Claim": "1"}):
        response = api.patch(f"/api/v1/tasks/{NIL}/progress", json={"progress": 1}, headers=headers)
        assert (response.status_code, response.json()) == (404, UNKNOWN)


def test_a_straggler_of_an_earlier_claim_changes_nothing(
    api: httpx.Client, db: psycopg.Connection, held: Claim, api_database: str
) -> None:
    path = f"/api/v1/tasks/{held.id}/progress"
    earlier = str(claim_seq(db, held.id))

    async def lose(conn: Conn) -> None:
        await worker_verbs.settle(
            conn, [Ended(held.id, held.token, final=False, counts=True, delay=0, error="lost")]
        )

    on_connections(api_database, lose)
    assert api.patch(path, json={"progress": 1}, headers={"X-Lapinq-Claim": earlier}).status_code == 409

    async def take(conn: Conn) -> None:
        assert await claim(conn, await add_worker(conn), queue=held.queue_name)

    on_connections(api_database, take)
    later = str(claim_seq(db, held.id))
    assert int(later) > int(earlier)
    response = api.patch(path, json={"progress": 99}, headers={"X-Lapinq-Claim": earlier})
    assert response.status_code == 409
    assert "another claim than X-Lapinq-Claim names" in response.json()["error"]
    assert api.get(f"/api/v1/tasks/{held.id}").json()["progress"] is None
    assert api.patch(path, json={"progress": 5}, headers={"X-Lapinq-Claim": later}).status_code == 200
    largest = {"X-Lapinq-Claim": str(2**63 - 1)}
    assert api.patch(path, json={"progress": 6}, headers=largest).status_code == 409
    assert api.get(f"/api/v1/tasks/{held.id}").json()["progress"] == 5


@pytest.mark.parametrize(
    "value", [b"", b"x", b"-1", b"+1", b"1.0", b"1 2", b"1_0", b"0x1", b"\xd9\xa3", b"\xff", str(2**63).encode(),
              b"9" * 5000, b"1,1"]
)  # fmt: skip
def test_a_malformed_claim_is_refused_by_the_name_of_its_header(
    api: httpx.Client, held: Claim, value: bytes
) -> None:
    response = api.patch(
        f"/api/v1/tasks/{held.id}/progress",
        json={"progress": 1},
        headers={"X-Lapinq-Claim": value},  # pyright: ignore[reportArgumentType]
    )
    assert response.status_code == 400
    assert response.json()["details"][0]["loc"] == "X-Lapinq-Claim"


def test_a_claim_that_is_named_twice_is_refused(api: httpx.Client, held: Claim) -> None:
    headers = [("X-Lapinq-Claim", "1"), ("X-Lapinq-Claim", "1")]
    response = api.patch(f"/api/v1/tasks/{held.id}/progress", json={"progress": 1}, headers=headers)
    assert response.status_code == 400
    assert response.json()["error"] == "X-Lapinq-Claim must be given once"


@pytest.mark.parametrize(
    ("body", "loc", "part"),
    [
        (b"{}", "progress", "is required"),
        (b'{"progress":null}', "progress", "must be an integer, not null"),
        (b'{"progress":"5"}', "progress", "must be an integer, not a string"),
        (b'{"progress":true}', "progress", "must be an integer, not a boolean"),
        (b'{"progress":5.0}', "progress", "must be an integer, not a decimal fraction"),
        (b'{"progress":-1}', "progress", "must be between 0 and 100"),
        (b'{"progress":101}', "progress", "must be between 0 and 100"),
        (b'{"progress":' + b"9" * 30 + b"}", "progress", "must be between 0 and 100"),
        (b'{"progress":' + b"9" * 5000 + b"}", "progress", "must be a number within range"),
        (b'{"progress":NaN}', "", "is not valid JSON"),
        (b'{"progress":1,"message":1}', "message", "must be a string, not an integer"),
        (b'{"progress":1,"message":["a"]}', "message", "must be a string, not a list"),
        (b'{"progress":1,"message":"a\\u0000"}', "message", "NUL"),
        (b'{"progress":1,"message":"\\ud800"}', "", "is not valid JSON"),
        (b'{"progress":1,"message":"\xff"}', "", "not encoded in UTF-8"),
        (b'{"progress":1,"message":"' + b"x" * 1001 + b'"}', "message", "at most 1000 characters"),
        (b'{"progress":1,"percent":1}', "percent", "is not a known field"),
        (b"[]", "", "must be an object, not a list"),
        (b"5", "", "must be an object, not an integer"),
        (b"", "", "it ends too early"),
    ],
)
def test_a_wrong_progress_is_refused_by_its_place(
    api: httpx.Client, held: Claim, body: bytes, loc: str, part: str
) -> None:
    headers = {"Content-Type": "application/json"}
    response = api.patch(f"/api/v1/tasks/{held.id}/progress", content=body, headers=headers)
    assert response.status_code == 400
    assert response.json()["details"][0]["loc"] == loc
    assert part in response.json()["error"]
    assert api.get(f"/api/v1/tasks/{held.id}").json()["progress"] is None


# Attempts


def test_attempts_are_listed_in_their_order_with_what_they_said(
    api: httpx.Client, held: Claim, api_database: str
) -> None:
    path = f"/api/v1/tasks/{held.id}"
    api.patch(f"{path}/progress", json={"progress": 40, "message": "halfway"})

    async def fail(conn: Conn) -> None:
        ended = Ended(
            held.id,
            held.token,
            final=True,
            counts=True,
            delay=0,
            error="ValueError: no",
            traceback="Traceback …",
            run_seconds=0.5,
            logs="one\ntwo",
        )
        await worker_verbs.settle(conn, [ended])

    on_connections(api_database, fail)
    assert api.post(f"{path}/requeue").status_code == 200
    queue = api.get(path).json()["queue_name"]

    async def take(conn: Conn) -> None:
        assert await claim(conn, await add_worker(conn), queue=queue)

    on_connections(api_database, take)
    api.patch(f"{path}/progress", json={"progress": 3})
    response = api.get(f"{path.upper().replace('/API/V1/TASKS', '/api/v1/tasks')}/attempts")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    first, second = response.json()
    assert list(first) == list(second) == ATTEMPT_FIELDS
    assert [first[name] for name in ATTEMPT_FIELDS[:9]] == [
        1, "failed", None, "ValueError: no", "Traceback …", "one\ntwo", 40, "halfway", 0.5,
    ]  # fmt: skip
    assert [second[name] for name in ATTEMPT_FIELDS[:9]] == [1, "running", *[None] * 4, 3, None, None]
    assert (first["final"], second["final"], second["finished_at"]) == (False, False, None)
    assert first["started_at"] < first["finished_at"] < first["requeued_at"] < second["started_at"]
    assert first["requeued_by"] is not None
    assert (second["requeued_at"], second["requeued_by"]) == (None, None)
    assert not first["has_profile"]
    assert not second["has_profile"]
    assert first["started_at"].endswith("+00:00")
    assert first["worker_id"] != second["worker_id"]
    for one, text in ((first, "one\ntwo"), (second, "")):  # both have the number 1
        log = api.get(f"{path}/attempts/{one['started_at']}/log")
        assert (log.status_code, log.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert log.text == text
    utc = first["started_at"].replace("+00:00", "Z")
    assert api.get(f"{path}/attempts/{utc}/log").text == "one\ntwo"
    for started_at, status in (("2026-01-31T12:00:00Z", 404), ("1", 400), ("now", 400)):
        assert api.get(f"{path}/attempts/{started_at}/log").status_code == status


def test_a_task_of_every_status_has_its_attempts(api: httpx.Client, made: dict[Status, str]) -> None:
    shown = {found: api.get(f"/api/v1/tasks/{task_id}/attempts").json() for found, task_id in made.items()}
    outcomes = {found: [(one["outcome"], one["final"]) for one in shown[found]] for found in shown}
    assert outcomes == {
        Status.PENDING: [],
        Status.RUNNING: [("running", False)],
        **{found: [(found.value, True)] for found in FINAL},
    }
    assert shown[Status.COMPLETED][0]["result"] == '"done"'
    for found in (Status.CANCELLED, Status.EXPIRED):
        assert (shown[found][0]["attempt"], shown[found][0]["started_at"]) == (0, None)
    assert api.get(f"/api/v1/tasks/{NIL}/attempts").json() == UNKNOWN
    assert api.head(f"/api/v1/tasks/{made[Status.FAILED]}").status_code == 200
