"""Deleting and requeueing many tasks over HTTP, and the list of the failed ones."""

from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_core.db import ready_notices
from lapinq_core.domain.tasks.state import Status
from tests.integration.tasks.actions.test_bulk import fail
from tests.integration.tasks.test_inspect import FIELDS
from tests.support.database import ready_channels
from tests.support.database.invariants import check_invariants
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

TASKS = "/api/v1/tasks"
REQUEUE = "/api/v1/tasks/requeue"
CANCEL = "/api/v1/tasks/cancel"


def queue_of(api: httpx.Client, task_id: str) -> str:
    return api.get(f"{TASKS}/{task_id}").json()["queue_name"]


def known(client: httpx.Client, ids: list[str]) -> list[str]:
    return [task_id for task_id in ids if client.get(f"{TASKS}/{task_id}").status_code == 200]


def last_noted(db: psycopg.Connection) -> tuple[Any, ...]:
    row = db.execute(
        "SELECT actor, action, target, details FROM lapinq_audit WHERE action LIKE 'task.%_many'"
        " ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    return row


# Deletion


def test_a_deletion_counts_what_it_deleted_and_what_is_running(
    keyed: httpx.Client, made: dict[Status, str], db: psycopg.Connection, api_database: str
) -> None:
    queue = queue_of(keyed, made[Status.RUNNING])
    response = keyed.delete(TASKS, params={"queue": queue})
    assert (response.status_code, response.json()) == (200, {"deleted": 5, "skipped_running": 1})
    assert known(keyed, list(made.values())) == [made[Status.RUNNING]]
    details = {"filters": {"queue": queue}, "deleted": 5}
    assert last_noted(db) == ("LAPINQ_API_KEY", "task.delete_many", queue, details)
    response = keyed.delete(TASKS, params={"queue": queue})
    assert response.json() == {"deleted": 0, "skipped_running": 1}
    check_invariants(api_database, [made[Status.RUNNING]])


def test_a_dry_run_counts_and_changes_nothing(
    keyed: httpx.Client, made: dict[Status, str], db: psycopg.Connection
) -> None:
    queue = queue_of(keyed, made[Status.RUNNING])
    before = db.execute("SELECT count(*) FROM lapinq_audit").fetchone()
    response = keyed.delete(TASKS, params={"queue": queue, "dry_run": "true"})
    expected = {"deleted": 0, "skipped_running": 1, "matching": 5, "dry_run": True}
    assert (response.status_code, response.json()) == (200, expected)
    response = keyed.post(REQUEUE, params={"queue": queue, "dry_run": "true"})
    assert (response.status_code, response.json()) == (200, {"requeued": 0, "matching": 1, "dry_run": True})
    assert known(keyed, list(made.values())) == list(made.values())
    assert db.execute("SELECT count(*) FROM lapinq_audit").fetchone() == before


@pytest.mark.parametrize("found", [status for status in Status if status is not Status.RUNNING])
def test_filters_narrow_a_deletion(keyed: httpx.Client, made: dict[Status, str], found: Status) -> None:
    queue = queue_of(keyed, made[found])
    query = {"queue": queue, "status": found.value, "task_name": "AD", "args": "[1,_1]"}
    query["args"] = "1%1"
    if found is Status.COMPLETED:
        query["result"] = "DONE"
    elif found is Status.FAILED:
        query["error"] = "valueerror"
    assert keyed.delete(TASKS, params={**query, "args": "2"}).json() == {"deleted": 0, "skipped_running": 0}
    assert keyed.get(TASKS, params=query).json()[0]["id"] == made[found]
    assert keyed.delete(TASKS, params=query).json() == {"deleted": 1, "skipped_running": 0}
    assert known(keyed, list(made.values())) == [one for one in made.values() if one != made[found]]


def test_thousands_go_in_several_steps(
    keyed: httpx.Client, queue: str, api_database: str, db: psycopg.Connection
) -> None:
    async def many(conn: Conn) -> None:
        for _ in range(5):
            await enqueue(conn, 500, queue_name=queue)
        await claim(conn, await add_worker(conn), 100, queue)

    on_connections(api_database, many)
    assert keyed.delete(TASKS, params={"queue": queue}).json() == {"deleted": 2400, "skipped_running": 100}
    assert last_noted(db)[3] == {"filters": {"queue": queue}, "deleted": 2400}
    check_invariants(api_database, [])


def test_without_a_filter_all_goes(keyed: httpx.Client, made: dict[Status, str], api_database: str) -> None:
    counts = keyed.get("/api/v1/queues").json()
    running = sum(line["running"] for line in counts)
    total = sum(sum(value for key, value in line.items() if key != "queue_name") for line in counts)
    response = keyed.delete(TASKS)
    assert response.json() == {"deleted": total - running, "skipped_running": running}
    assert {task["status"] for task in keyed.get(TASKS).json()} == {"running"}
    check_invariants(api_database, [made[Status.RUNNING]])


def test_nobody_deletes_many_without_a_key_even_where_the_api_is_open(
    api: httpx.Client, keyed: httpx.Client, made: dict[Status, str]
) -> None:
    queue = queue_of(api, made[Status.PENDING])
    for client, headers in ((api, {}), (api, {"X-API-Key": "secret"}), (keyed, {"X-API-Key": "other"})):
        for query in ({}, {"queue": queue}, {"queue": queue, "dry_run": "true"}):
            assert client.delete(TASKS, params=query, headers=headers).status_code == 401
    assert known(api, list(made.values())) == list(made.values())
    assert keyed.post(REQUEUE, headers={"X-API-Key": "other"}).status_code == 401
    assert api.post(REQUEUE, params={"queue": queue}).json() == {"requeued": 1}


def test_a_user_acts_on_the_queue_they_name_and_may_act_on(
    api: httpx.Client, signed_in: httpx.Client, made: dict[Status, str], queue: str, api_database: str
) -> None:
    here, ids = queue_of(api, made[Status.FAILED]), list(made.values())
    other = on_connections(api_database, partial(fail, count=1, queue_name=queue))
    user = add_user(signed_in, "user", **{here: ["delete", "requeue"]})
    with browser(api, user["username"], PASSWORD) as client:
        for query in ({}, {"queue": queue}, {"task_name": here}, {"queue": f"{here} "}, {"status": "failed"}):
            for method, path in (("DELETE", TASKS), ("POST", REQUEUE)):
                assert client.request(method, path, params=query).status_code == 403
        assert known(api, ids + other) == ids + other
        assert client.post(REQUEUE, params={"queue": here}).json() == {"requeued": 1}
        assert client.delete(TASKS, params={"queue": here}).json() == {"deleted": 5, "skipped_running": 1}
    assert known(api, ids + other) == [made[Status.RUNNING], *other]


# What is refused

BAD = [
    ("status", "done"),
    ("status", ""),
    ("status", "FAILED"),
    ("queue", ""),
    ("queue", "x" * 256),
    ("queue", "a\0b"),
    ("task_name", ""),
    ("task_name", "x" * 256),
    *((name, value) for name in ("args", "result", "error") for value in ("", "x" * 1001, "a\0b")),
    ("dry_run", "1"),
    ("dry_run", ""),
    ("dry_run", "TRUE"),
    ("limit", "5"),
    ("cursor", "AAAAAAAAAAAAAAAAAAAAAA"),
    ("id", "x"),
    ("id", ""),
    ("name", ""),
    ("name", "a\0b"),
    ("worker", "web-1"),
    ("error_kind", ""),
    ("error_kind", "a\0b"),
    ("since", "1h"),
    ("until", ""),
    ("force", "true"),
]


@pytest.mark.parametrize(("method", "path"), [("DELETE", TASKS), ("POST", REQUEUE), ("POST", CANCEL)])
@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_wrong_parameter_is_refused_by_its_name(
    keyed: httpx.Client, method: str, path: str, name: str, value: str
) -> None:
    response = keyed.request(method, path, params={name: value})
    assert response.status_code == 400
    assert response.json()["details"][0]["loc"] == name


@pytest.mark.parametrize(
    "text",
    ["'", "%", "_", "\\", "%_\\", "'; DROP TABLE lapinq_tasks; --", "%(args)s", "{looked}", "ü\u2028", "😀"],
)
def test_any_text_is_taken_for_text(keyed: httpx.Client, text: str, queue: str) -> None:
    for name in ("args", "result", "error"):
        query = {"queue": queue, name: text}
        assert keyed.get(TASKS, params=query).json() == []
        assert keyed.delete(TASKS, params=query).json() == {"deleted": 0, "skipped_running": 0}
        assert keyed.post(REQUEUE, params=query).json() == {"requeued": 0}


def test_a_body_is_refused_and_a_wrong_method_too(keyed: httpx.Client) -> None:
    assert keyed.request("DELETE", TASKS, json={"queue": "a"}).json()["error"] == "queue is not a known field"
    assert keyed.post(REQUEUE, json={"queue": "a"}).json()["error"] == "queue is not a known field"
    assert keyed.post(REQUEUE, json={}, params={"queue": "nothing"}).status_code == 200
    # Either there is no such method, or what stands in the path is no id.
    assert keyed.get(REQUEUE).status_code in {400, 405}
    assert keyed.delete(f"{TASKS}/failed").status_code in {400, 405}
    for status in Status:
        response = keyed.post(REQUEUE, params={"status": status, "queue": "nothing"})
        assert response.status_code == (200 if status is Status.FAILED else 400)
        assert status is Status.FAILED or response.json()["details"][0]["loc"] == "status"


# Requeueing


def test_failed_tasks_wait_again_oldest_first_and_workers_are_woken(
    api: httpx.Client, db: psycopg.Connection, queue: str, api_database: str
) -> None:
    ids = on_connections(api_database, partial(fail, count=12, queue_name=queue))
    more = on_connections(api_database, partial(fail, count=3, error="other", queue_name=queue))
    db.execute(ready_channels.LISTEN)
    try:
        response = api.post(REQUEUE, params={"queue": queue, "error": "valueerror%no"})
        assert (response.status_code, response.json()) == (200, {"requeued": 12})
        assert next(
            note for note in db.notifies(timeout=5) if ready_notices.read(note.payload).queue == queue
        )
    finally:
        db.execute("UNLISTEN *")
    details = {"filters": {"queue": queue, "error": "valueerror%no"}, "requeued": 12}
    assert last_noted(db) == ("anonymous", "task.requeue_many", queue, details)
    assert [task["id"] for task in api.get(f"{TASKS}/failed", params={"queue": queue}).json()] == more[::-1]
    in_turn = db.execute(
        "SELECT id::text FROM lapinq_ready WHERE queue_name = %s ORDER BY rank, seq", (queue,)
    )
    assert [row[0] for row in in_turn] == ids
    assert api.post(REQUEUE, params={"queue": queue, "status": "failed"}).json() == {"requeued": 3}
    assert api.post(REQUEUE, params={"queue": queue}).json() == {"requeued": 0}
    check_invariants(api_database, [*ids, *more])


# The failed ones


def test_the_failed_list_shows_failed_tasks_newest_first_in_pages(
    api: httpx.Client, made: dict[Status, str], queue: str, api_database: str
) -> None:
    ids = on_connections(api_database, partial(fail, count=5, queue_name=queue))[::-1]
    path = f"{TASKS}/failed"
    assert [task["id"] for task in api.get(path).json()][:5] == ids
    assert {task["status"] for task in api.get(path).json()} == {"failed"}
    first = api.get(path, params={"queue": queue, "limit": 3})
    assert all(list(task) == FIELDS for task in first.json())
    cursor = first.headers["x-next-cursor"]
    second = api.get(path, params={"queue": queue, "limit": 3, "cursor": cursor})
    assert [task["id"] for task in first.json() + second.json()] == ids
    assert "x-next-cursor" not in second.headers
    failed_queue = queue_of(api, made[Status.FAILED])
    assert [task["id"] for task in api.get(path, params={"queue": failed_queue}).json()] == [
        made[Status.FAILED]
    ]
    for query, count in (
        ({"error": "NO"}, 5),
        ({"task_name": "sub"}, 0),
        ({"args": "1%1"}, 5),
        ({"args": "2"}, 0),
    ):
        assert len(api.get(path, params={"queue": queue, **query}).json()) == count
    for name in ("status", "result", "offset"):
        response = api.get(path, params={name: "failed"})
        assert response.status_code == 400
        assert response.json()["details"][0]["loc"] == name
