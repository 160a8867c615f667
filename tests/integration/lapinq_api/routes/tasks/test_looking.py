"""Looking at tasks and queues over HTTP."""

import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.integration.tasks.test_inspect import FIELDS, one_of_each
from tests.support.database.running import on_connections
from tests.support.http.refusals import check_queries_refused
from tests.support.rows.factories import Conn, add_worker, claim

ATTEMPT_FIELDS = [
    "attempt", "outcome", "result", "error", "traceback", "logs", "progress", "progress_message", "run_seconds",
    "started_at", "finished_at", "worker_id", "final", "requeued_at", "requeued_by", "has_profile",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(api_database: str) -> dict[Status, str]:
    """The id of a task of every status."""
    return on_connections(api_database, one_of_each)


def test_a_task_is_shown_with_every_published_field_in_order(
    api: httpx.Client, made: dict[Status, str]
) -> None:
    for status, task_id in made.items():
        for shown_as in (task_id, task_id.upper()):
            response = api.get(f"/api/v1/tasks/{shown_as}")
            assert response.status_code == 200
            assert list(response.json()) == FIELDS
            assert (response.json()["id"], response.json()["status"]) == (task_id, status.value)


def test_the_result_of_a_final_task_is_an_object_and_else_not_finished(
    api: httpx.Client, made: dict[Status, str]
) -> None:
    for status, task_id in made.items():
        response = api.get(f"/api/v1/tasks/{task_id}/result")
        assert response.status_code == 200
        if status in FINAL:
            assert list(response.json()) == ["id", "status", "result", "error", "completed_at"]
        else:
            assert response.json() == {"error": "task not finished", "status": status.value}
    done = api.get(f"/api/v1/tasks/{made[Status.COMPLETED]}/result").json()
    assert (done["id"], done["status"], done["result"], done["error"]) == (
        made[Status.COMPLETED],
        "completed",
        '"done"',
        None,
    )
    assert done["completed_at"].endswith("+00:00")


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
    assert api.get(f"/api/v1/tasks/{new_id()}/why").status_code == 404


def test_the_list_takes_its_filters_from_the_query(api: httpx.Client, made: dict[Status, str]) -> None:
    failed = made[Status.FAILED]
    task = api.get(f"/api/v1/tasks/{failed}").json()
    hour = timedelta(hours=1)
    before, after = ((datetime.fromisoformat(task["created_at"]) + by).isoformat() for by in (-hour, hour))
    newest_first = sorted(made.values(), reverse=True)
    rows: list[tuple[dict[str, Any], list[str]]] = [
        ({}, newest_first),
        ({"queue": "default"}, newest_first),
        ({"queue": "other"}, []),
        ({"task_name": "AD"}, newest_first),
        ({"task_name": "sub"}, []),
        ({"since": before, "until": after}, newest_first),
        ({"since": after}, []),
        ({"until": before}, []),
        ({"name": "add"}, newest_first),
        ({"name": "ad"}, []),
        ({"id": failed}, [failed]),
        ({"id": failed[:13], "status": "failed"}, [failed]),
        ({"id": failed, "queue": "other"}, []),
        ({"worker": task["worker_id"], "status": "failed"}, [failed]),
        ({"worker": failed}, []),
        ({"error_kind": "ValueError: no"}, [failed]),
        ({"error_kind": "ValueError"}, []),
        ({"status": "pending", "error": "no"}, []),
        *(({"status": status.value, "task_name": "add", "limit": 1000}, [made[status]]) for status in made),
    ]
    for query, expected in rows:
        listed = api.get("/api/v1/tasks", params=query)
        assert (listed.status_code, [one["id"] for one in listed.json()]) == (200, expected), query
        assert all(list(one) == FIELDS for one in listed.json())
        if "status" not in query:
            dead = api.get("/api/v1/tasks/failed", params=query).json()
            assert [one["id"] for one in dead] == [one for one in expected if one == failed], query
    wrong = [("id", "x"), ("since", "yesterday"), ("worker", "w"), ("name", ""), ("error_kind", "")]
    check_queries_refused(api, "GET", "/api/v1/tasks", [({name: text}, name) for name, text in wrong])


def test_the_cursor_leads_through_all_pages(api: httpx.Client, made: dict[Status, str]) -> None:
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(10):
        response = api.get("/api/v1/tasks", params={"limit": 4, **({"cursor": cursor} if cursor else {})})
        seen += [task["id"] for task in response.json()]
        cursor = response.headers.get("x-next-cursor")
        if cursor is None:
            break
    assert seen == sorted(made.values(), reverse=True)


def test_queues_are_counted_by_status(api: httpx.Client, made: dict[Status, str]) -> None:
    response = api.get("/api/v1/queues")
    assert response.status_code == 200
    assert response.json() == [
        {
            "queue_name": "default",
            "pending": 1,
            "running": 1,
            "completed": 1,
            "failed": 1,
            "cancelled": 1,
            "expired": 1,
        }
    ]
    assert list(response.json()[0]) == ["queue_name", *(status.value for status in Status)]


def test_every_answer_carries_a_request_id_and_keeps_the_callers(api: httpx.Client) -> None:
    for path in ("/health", "/", "/api/v1/queues", "/nothing", "/api/v1/tasks/x", "/api/v1/enqueue"):
        assert len(api.get(path).headers["x-request-id"]) == 16
        assert api.get(path, headers={"X-Request-ID": "job:4-2.x"}).headers["x-request-id"] == "job:4-2.x"
        for strange in ("", "a b", "x" * 129, '"', "ü"):
            headers = {"X-Request-ID": strange.encode()}
            assert len(api.get(path, headers=headers).headers["x-request-id"]) == 16  # pyright: ignore[reportArgumentType]


def test_health_says_that_the_database_is_connected(api: httpx.Client) -> None:
    response = api.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "database": "connected"})
    assert api.head("/health").status_code == 200


# With a task of its own, so it comes last: the list and the counts above are of the others.


def test_attempts_are_listed_in_their_order_with_what_they_said(
    api: httpx.Client, held: Claim, api_database: str
) -> None:
    path = f"/api/v1/tasks/{held.id}"
    api.patch(f"{path}/progress", json={"progress": 40, "message": "halfway"})

    async def fail(conn: Conn) -> None:
        said = {"run_seconds": 0.5, "logs": "one\ntwo"}
        ended = Ended(held.id, held.token, True, True, 0, "ValueError: no", "Traceback …", **said)  # pyright: ignore[reportArgumentType]
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
    assert api.get(f"/api/v1/tasks/{new_id()}/attempts").json() == {"error": "there is no task with this id"}
    assert api.head(f"/api/v1/tasks/{made[Status.FAILED]}").status_code == 200
