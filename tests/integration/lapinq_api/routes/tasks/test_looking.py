"""Looking at tasks and queues over HTTP."""

import re

import httpx
import pytest

from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.integration.tasks.attempts.test_progress import FIELDS as ATTEMPT_FIELDS
from tests.integration.tasks.test_inspect import FIELDS, one_of_each
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, add_worker, claim


@pytest.fixture(scope="module")
def made(api_database: str) -> dict[Status, str]:
    """The id of a task of every status."""
    return on_connections(api_database, one_of_each)


def test_a_task_of_every_status_is_shown_with_its_result_and_its_attempts(
    api: httpx.Client, made: dict[Status, str]
) -> None:
    for status, task_id in made.items():
        path = f"/api/v1/tasks/{task_id}"
        for shown_as in (path, f"/api/v1/tasks/{task_id.upper()}"):
            response = api.get(shown_as)
            assert (response.status_code, list(response.json())) == (200, FIELDS)
            assert (response.json()["id"], response.json()["status"]) == (task_id, status.value)
        result = api.get(f"{path}/result")
        assert result.status_code == 200
        attempts = [(one["outcome"], one["final"]) for one in api.get(f"{path}/attempts").json()]
        if status in FINAL:
            assert list(result.json()) == ["id", "status", "result", "error", "completed_at"]
            assert (result.json()["id"], result.json()["status"]) == (task_id, status.value)
            assert attempts == [(status.value, True)]
        else:
            assert result.json() == {"error": "task not finished", "status": status.value}
            assert attempts == ([("running", False)] if status is Status.RUNNING else [])
    done = api.get(f"/api/v1/tasks/{made[Status.COMPLETED]}/result").json()
    assert (done["result"], done["error"]) == ('"done"', None)
    assert done["completed_at"].endswith("+00:00")
    assert api.head(f"/api/v1/tasks/{made[Status.FAILED]}").status_code == 200
    for what in ("/why", "/attempts"):
        unknown = api.get(f"/api/v1/tasks/{new_id()}{what}")
        assert (unknown.status_code, unknown.json()) == (404, {"error": "there is no task with this id"})


def test_why_explains_a_task_with_its_remedy(api: httpx.Client, made: dict[Status, str]) -> None:
    failed = made[Status.FAILED]
    cases: dict[Status, tuple[str, str, str | None]] = {
        Status.PENDING: ("waiting", r"It waits for its turn\. It is next in its queue\.", None),
        Status.FAILED: (
            "failed",
            r"It failed at .* UTC after 1 attempt \(ValueError: no\)\.",
            f"Fix the cause, then run it again: lapinq task requeue {failed}",
        ),
    }
    for status, (kind, why, remedy) in cases.items():
        told = api.get(f"/api/v1/tasks/{made[status]}/why").json()
        assert re.fullmatch(why, told.pop("why"))
        assert told == {"id": made[status], "status": status.value, "kind": kind, "remedy": remedy}


def test_the_cursor_leads_through_all_pages(api: httpx.Client, made: dict[Status, str]) -> None:
    first = api.get("/api/v1/tasks", params={"limit": 4})
    second = api.get("/api/v1/tasks", params={"limit": 4, "cursor": first.headers["x-next-cursor"]})
    listed = first.json() + second.json()
    assert [task["id"] for task in listed] == sorted(made.values(), reverse=True)
    assert all(list(one) == FIELDS for one in listed)
    assert "x-next-cursor" not in second.headers


def test_queues_are_counted_by_status(api: httpx.Client, made: dict[Status, str]) -> None:
    [counted] = api.get("/api/v1/queues").json()
    assert counted == {"queue_name": "default", **dict.fromkeys((status.value for status in made), 1)}
    assert list(counted) == ["queue_name", *(status.value for status in Status)]


def test_every_answer_carries_a_request_id_and_keeps_the_callers(api: httpx.Client) -> None:
    for path in ("/health", "/", "/api/v1/queues", "/nothing", "/api/v1/tasks/x", "/api/v1/enqueue"):
        assert len(api.get(path).headers["x-request-id"]) == 16
        assert api.get(path, headers={"X-Request-ID": "job:4-2.x"}).headers["x-request-id"] == "job:4-2.x"
    for strange in ("", "a b", "x" * 129, '"', "ü"):
        headers = {"X-Request-ID": strange.encode()}
        assert len(api.get("/health", headers=headers).headers["x-request-id"]) == 16  # pyright: ignore[reportArgumentType]


def test_health_says_that_the_database_is_connected(api: httpx.Client) -> None:
    response = api.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "database": "connected"})
    assert api.head("/health").status_code == 200


# With a task of its own, so it comes last: the list and the counts above are of the others.


def test_attempts_are_listed_in_their_order_with_what_they_said(
    api: httpx.Client, held: Claim, api_database: str
) -> None:
    path = f"/api/v1/tasks/{held.id}"
    queue = api.get(path).json()["queue_name"]

    async def fail(conn: Conn) -> None:
        said = {"run_seconds": 0.5, "logs": "one\ntwo"}
        ended = Ended(held.id, held.token, True, True, 0, "ValueError: no", "Traceback …", **said)  # pyright: ignore[reportArgumentType]
        await worker_verbs.settle(conn, [ended])

    async def take(conn: Conn) -> None:
        assert await claim(conn, await add_worker(conn), queue=queue)

    on_connections(api_database, fail)
    assert api.post(f"{path}/requeue").status_code == 200
    on_connections(api_database, take)
    response = api.get(f"{path}/attempts")
    assert response.headers["content-type"] == "application/json"
    first, second = response.json()
    assert list(first) == list(second) == ATTEMPT_FIELDS
    assert [first[name] for name in ATTEMPT_FIELDS[:6]] == [
        1, "failed", None, "ValueError: no", "Traceback …", "one\ntwo",
    ]  # fmt: skip
    assert [second[name] for name in ATTEMPT_FIELDS[:6]] == [1, "running", *[None] * 4]
    assert first["requeued_by"] is not None
    assert first["started_at"].endswith("+00:00")
    for one, text in ((first, "one\ntwo"), (second, "")):  # both have the number 1
        log = api.get(f"{path}/attempts/{one['started_at']}/log")
        assert (log.status_code, log.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert log.text == text
    utc = first["started_at"].replace("+00:00", "Z")
    assert api.get(f"{path}/attempts/{utc}/log").text == "one\ntwo"
    for started_at, status in (("2026-01-31T12:00:00Z", 404), ("1", 400), ("now", 400)):
        assert api.get(f"{path}/attempts/{started_at}/log").status_code == status
