"""Looking at tasks and queues over HTTP."""

import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.state import FINAL, Status
from tests.integration.tasks.test_inspect import FIELDS, one_of_each
from tests.support.database.running import on_connections


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


def test_why_explains_every_status_with_its_remedy(api: httpx.Client, made: dict[Status, str]) -> None:
    failed, cancelled = made[Status.FAILED], made[Status.CANCELLED]
    cases: dict[Status, tuple[str, str, str | None]] = {
        Status.PENDING: ("waiting", r"It waits for its turn\. It is next in its queue\.", None),
        Status.RUNNING: ("running", r"Worker tester runs it since .* UTC \(attempt 1\)\.", None),
        Status.COMPLETED: ("completed", r"It completed at 2.* UTC\.", None),
        Status.FAILED: (
            "failed",
            r"It failed at .* UTC after 1 attempt \(ValueError: no\)\.",
            f"Fix the cause, then run it again: lapinq task requeue {failed}",
        ),
        Status.CANCELLED: (
            "cancelled",
            r"It was cancelled at .* UTC\.",
            f"Enqueue it again: lapinq task rerun {cancelled}",
        ),
        Status.EXPIRED: (
            "expired",
            r"Its time to live ended before it started, so it expired at .* UTC\.",
            "Enqueue it again with a longer ttl_seconds, or add workers.",
        ),
    }
    assert set(cases) == set(Status)
    for status, (kind, why, remedy) in cases.items():
        told = api.get(f"/api/v1/tasks/{made[status]}/why").json()
        assert re.fullmatch(why, told.pop("why"))
        assert told == {"id": made[status], "status": status.value, "kind": kind, "remedy": remedy}
    assert api.get(f"/api/v1/tasks/{new_id()}/why").status_code == 404


def test_the_list_takes_its_filters_from_the_query(api: httpx.Client, made: dict[Status, str]) -> None:
    def ids(**query: Any) -> list[str]:
        response = api.get("/api/v1/tasks", params=query)
        assert response.status_code == 200
        assert all(list(task) == FIELDS for task in response.json())
        return [task["id"] for task in response.json()]

    newest_first = sorted(made.values(), reverse=True)
    assert ids() == newest_first
    assert ids(queue="default") == newest_first
    assert ids(queue="other") == []
    assert ids(limit=2) == newest_first[:2]
    assert ids(task_name="AD") == newest_first
    assert ids(task_name="sub") == []
    for status, task_id in made.items():
        assert ids(status=status.value) == [task_id]
        assert ids(status=status.value, queue="default", task_name="add", limit=1000) == [task_id]


def test_the_list_takes_the_filters_of_bulk_calls(api: httpx.Client, made: dict[Status, str]) -> None:
    failed = made[Status.FAILED]
    task = api.get(f"/api/v1/tasks/{failed}").json()
    hour = timedelta(hours=1)
    before, after = ((datetime.fromisoformat(task["created_at"]) + by).isoformat() for by in (-hour, hour))
    newest_first = sorted(made.values(), reverse=True)
    for query, expected in (
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
    ):
        listed = api.get("/api/v1/tasks", params=query)
        assert (listed.status_code, [one["id"] for one in listed.json()]) == (200, expected), query
        if "status" not in query:
            dead = api.get("/api/v1/tasks/failed", params=query).json()
            assert [one["id"] for one in dead] == [one for one in expected if one == failed], query
    for query in ({"id": "x"}, {"since": "yesterday"}, {"worker": "w"}, {"name": ""}, {"error_kind": ""}):
        refused = api.get("/api/v1/tasks", params=query)
        assert (refused.status_code, refused.json()["details"][0]["loc"]) == (400, next(iter(query)))


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
