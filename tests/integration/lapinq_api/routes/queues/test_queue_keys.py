"""The blocked keys of a queue over HTTP: in order of age, and many freed at once."""

from typing import Any

import httpx
import pytest

from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.refusals import check_queries_refused
from tests.support.rows.factories import Conn, add_worker, claim, enqueue
from tests.support.rows.held_keys import fail_first

pytestmark = pytest.mark.http

KEYS = ["b/1", "a", "b/2"]


@pytest.fixture
def held(api_database: str, queue: str) -> dict[str, str]:
    """The tasks that hold `KEYS`; one more key waits for a task that runs."""

    async def fill(conn: Conn) -> dict[str, str]:
        worker = await add_worker(conn)
        found = await fail_first(conn, worker, KEYS, queue)
        await enqueue(conn, 2, key="runs", queue_name=queue)
        await claim(conn, worker, 1, queue=queue)
        return found

    return on_connections(api_database, fill)


def test_blocked_keys_are_listed_by_age_with_their_number(
    signed_in: httpx.Client, queue: str, held: dict[str, str]
) -> None:
    path = f"/api/v1/queues/{queue}/keys"
    answer = signed_in.get(path, params={"sort": "age", "limit": 2})
    assert [one["key"] for one in answer.json()] == KEYS[:2]
    assert answer.headers["x-total-count"] == "4"
    more = {"sort": "age", "cursor": answer.headers["x-next-cursor"]}
    assert [one["key"] for one in signed_in.get(path, params=more).json()] == ["b/2", "runs"]
    first = answer.json()[0]["holder"]
    assert (first["task_id"], first["error"]) == (held["b/1"], "b/1 is away")
    found = signed_in.get(path, params={"prefix": "b/"})
    assert ([one["key"] for one in found.json()], "x-total-count" in found.headers) == (["b/1", "b/2"], False)
    check_queries_refused(
        signed_in,
        "GET",
        path,
        [
            ({"sort": "size"}, "sort", "must be one of key, age"),
            ({"sort": "age", "state": "all"}, "sort", "must be key, unless only blocked keys are asked for"),
            ({"sort": "age", "cursor": "YQ=="}, "cursor", "must be the value of an X-Next-Cursor header"),
            ({"prefix": "\n"}, "prefix", "must not contain control characters"),
        ],
    )


def test_many_keys_are_freed_and_told_before(
    signed_in: httpx.Client, queue: str, held: dict[str, str], api_database: str
) -> None:
    path = f"/api/v1/queues/{queue}/keys"

    def unblock(*, dry: bool = False, **body: Any) -> dict[str, Any]:
        answer = signed_in.post(path, params={"dry_run": "true"} if dry else None, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    told = unblock(dry=True, action="retry", prefix="b/")
    assert (told["freed"], told["matching"], told["skipped"], told["dry_run"]) == (0, 2, 0, True)
    assert [(one["key"], one["task_id"], one["error"]) for one in told["first"]] == [
        (key, held[key], f"{key} is away") for key in ("b/1", "b/2")
    ]
    assert unblock(action="cancel", keys=["b/1", "none"]) == {"freed": 1, "skipped": 0}
    assert signed_in.get(f"/api/v1/tasks/{held['b/1']}").json()["status"] == "cancelled"
    assert unblock(action="retry", prefix="b/") == {"freed": 1, "skipped": 0}
    assert unblock(action="skip") == {"freed": 1, "skipped": 1}
    assert unblock(action="skip") == {"freed": 0, "skipped": 1}

    async def freed(conn: Conn) -> set[str]:
        return {one.id for one in await claim(conn, await add_worker(conn), 9, queue=queue)}

    started = on_connections(api_database, freed)
    assert (len(started), started & set(held.values())) == (3, {held["b/2"]})
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"action": "free"}, "action"),
        ({"action": "skip", "keys": []}, "keys"),
        ({"action": "skip", "keys": ["a", ""]}, "keys[1]"),
        ({"action": "skip", "prefix": "\n"}, "prefix"),
        ({}, "action"),
    ]
    for body, loc in wrong:
        refused = signed_in.post(path, json=body)
        assert (refused.status_code, refused.json()["details"][0]["loc"]) == (400, loc), body
    refused = signed_in.post("/api/v1/queues/mistyped/keys", json={"action": "skip"})
    assert (refused.status_code, "'mistyped' is not in strict" in refused.json()["error"]) == (409, True)


def test_cancelling_takes_its_own_permission(
    signed_in: httpx.Client, queue: str, held: dict[str, str]
) -> None:
    path = f"/api/v1/queues/{queue}/keys"
    user = add_user(signed_in, "user", **{queue: ["requeue"]})
    with browser(signed_in, user["username"], PASSWORD) as client:
        assert client.post(path, json={"action": "cancel"}).status_code == 403
        assert client.post(path, json={"action": "skip", "keys": list(held)}).json()["freed"] == 3
