"""Deleting, requeueing, cancelling and running many tasks over HTTP, and the list of the failed ones.

What a walk does to them is in `tests/integration/tasks/actions/test_bulk.py`.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from lapinq_core.domain.tasks.state import Status
from tests.integration.tasks.actions.test_bulk import fail
from tests.integration.tasks.test_inspect import FIELDS
from tests.support.database.invariants import check_invariants
from tests.support.database.ready_channels import waking
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.refusals import check_queries_refused
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.http

TASKS = "/api/v1/tasks"
REQUEUE = "/api/v1/tasks/requeue"
CANCEL = "/api/v1/tasks/cancel"
RUN = "/api/v1/tasks/run"
LATER = "2099-01-01T00:00:00Z"


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


def test_a_deletion_counts_what_it_deleted_and_what_is_running(
    keyed: httpx.Client, made: dict[Status, str], db: psycopg.Connection, api_database: str
) -> None:
    queue, ids = queue_of(keyed, made[Status.RUNNING]), list(made.values())
    count = "SELECT count(*) FROM lapinq_audit"
    before = db.execute(count).fetchone()
    for method, path, expected in (
        ("DELETE", TASKS, {"deleted": 0, "skipped_running": 1, "matching": 5, "dry_run": True}),
        ("POST", REQUEUE, {"requeued": 0, "matching": 1, "dry_run": True}),
    ):
        answer = keyed.request(method, path, params={"queue": queue, "dry_run": "true"})
        assert (answer.status_code, answer.json()) == (200, expected)
    assert known(keyed, ids) == ids
    assert db.execute(count).fetchone() == before
    # A whole id is that task alone.
    for query, expected in (
        ({"id": made[Status.RUNNING]}, (0, 1)),
        ({"id": made[Status.EXPIRED], "queue": "other"}, (0, 0)),
        ({"id": made[Status.EXPIRED]}, (1, 0)),
        ({"status": "completed", "task_name": "AD", "args": "1%1", "result": "DONE"}, (1, 0)),
        ({}, (3, 1)),
    ):
        deleted = keyed.delete(TASKS, params={"queue": queue, **query}).json()
        assert (deleted["deleted"], deleted["skipped_running"]) == expected, query
    assert known(keyed, ids) == [made[Status.RUNNING]]
    noted = ("LAPINQ_API_KEY", "task.delete_many", queue, {"filters": {"queue": queue}, "deleted": 3})
    assert last_noted(db) == noted
    check_invariants(api_database, [made[Status.RUNNING]])


def test_thousands_go_in_several_steps_and_without_a_filter_all(
    keyed: httpx.Client, queue: str, api_database: str, db: psycopg.Connection
) -> None:
    async def many(conn: Conn) -> None:
        await enqueue(conn, 1100, queue_name=queue)
        await claim(conn, await add_worker(conn), 10, queue)
        await enqueue(conn, queue_name=f"{queue} 2")

    on_connections(api_database, many)
    assert keyed.delete(TASKS, params={"queue": queue}).json() == {"deleted": 1090, "skipped_running": 10}
    assert last_noted(db)[3] == {"filters": {"queue": queue}, "deleted": 1090}
    rest = keyed.delete(TASKS).json()
    assert (rest["deleted"] >= 1, rest["skipped_running"] >= 10) == (True, True)
    assert {task["status"] for task in keyed.get(TASKS).json()} == {"running"}


def test_failed_tasks_wait_again_oldest_first_and_workers_are_woken(
    api: httpx.Client, db: psycopg.Connection, queue: str, api_database: str
) -> None:
    ids = on_connections(api_database, partial(fail, count=12, queue_name=queue))
    on_connections(api_database, partial(fail, count=3, error="other", queue_name=queue))
    with waking(db, queue):
        response = api.post(REQUEUE, params={"queue": queue, "error": "valueerror%no"})
    assert (response.status_code, response.json()) == (200, {"requeued": 12})
    details = {"filters": {"queue": queue, "error": "valueerror%no"}, "requeued": 12}
    assert last_noted(db) == ("anonymous", "task.requeue_many", queue, details)
    in_turn = db.execute(
        "SELECT id::text FROM lapinq_ready WHERE queue_name = %s ORDER BY rank, seq", (queue,)
    )
    assert [row[0] for row in in_turn] == ids
    assert api.post(REQUEUE, params={"queue": queue, "status": "failed"}, json={}).json() == {"requeued": 3}
    assert api.post(REQUEUE, params={"queue": queue}).json() == {"requeued": 0}


@pytest.mark.parametrize(("path", "counted"), [(CANCEL, "cancelled"), (RUN, "released")])
def test_what_waits_is_cancelled_and_what_is_delayed_may_start_now(
    keyed: httpx.Client, made: dict[Status, str], db: psycopg.Connection, path: str, counted: str
) -> None:
    queue = queue_of(keyed, made[Status.PENDING])
    body = {"task_name": "add", "module_path": "m", "queue_name": queue, "scheduled_at": LATER}
    later = keyed.post("/api/v1/enqueue/batch", json=[body, body]).json()["task_ids"]
    count = 3 if path == CANCEL else 2  # and the one that is ready
    response = keyed.post(path, params={"queue": queue, "dry_run": "true"})
    assert (response.status_code, response.json()) == (200, {counted: 0, "matching": count, "dry_run": True})
    assert keyed.post(path, params={"queue": queue}).json() == {counted: count}
    shown = {keyed.get(f"{TASKS}/{task_id}").json()["status"] for task_id in (*later, made[Status.PENDING])}
    assert shown == {"cancelled" if path == CANCEL else "pending"}
    assert keyed.get(f"{TASKS}/{made[Status.RUNNING]}").json()["status"] == "running"
    action = f"task.{path.rpartition('/')[2]}_many"
    assert last_noted(db)[1:] == (action, queue, {"filters": {"queue": queue}, counted: count})
    assert keyed.post(path, params={"queue": queue, "status": "pending"}).json() == {counted: 0}


def test_a_user_acts_on_queues_they_name_and_may_act_on(
    api: httpx.Client, signed_in: httpx.Client, made: dict[Status, str], queue: str
) -> None:
    here = queue_of(api, made[Status.FAILED])
    may = ["delete", "requeue", "cancel"]
    user = add_user(signed_in, "user", **{here: may, f"{queue}, 2": may})
    refused: list[dict[str, str]] = [{}, {"queue": queue}, {"task_name": here}, {"queue": f"{here} "}]
    refused += [{"queues": f"{here},other"}, {"not_queues": "other"}]
    with browser(api, user["username"], PASSWORD) as client:
        for query in refused:
            for method, path in (("DELETE", TASKS), ("POST", REQUEUE), ("POST", CANCEL)):
                assert client.request(method, path, params=query).status_code == 403, query
        assert known(api, list(made.values())) == list(made.values())
        assert client.post(REQUEUE, params={"queue": here}).json() == {"requeued": 1}
        assert client.post(CANCEL, params={"queues": f'{here},"{queue}, 2"'}).json() == {"cancelled": 2}
        assert client.delete(TASKS, params={"queue": here}).json() == {"deleted": 5, "skipped_running": 1}


def test_filters_narrow_lists_and_changes_alike(keyed: httpx.Client, queue: str, api_database: str) -> None:
    async def fill(conn: Conn) -> None:
        for number in (1, 22):
            await fail(conn, 1, f"ValueError: no {number}\nmore", queue_name=queue)
        await fail(conn, 1, "ValueError: no number", queue_name=queue, task_name="adder")
        await enqueue(conn, queue_name=queue, args=["x@y"], metadata={"by": "me"})
        await enqueue(conn, queue_name=queue, kwargs={"to": "x@y"}, task_name="sub")
        await enqueue(conn, queue_name=f"{queue}, 2", kwargs={"to": "x@y"})

    on_connections(api_database, fill)
    [one, *_] = keyed.get(f"{TASKS}/failed", params={"queue": queue}).json()
    hour = timedelta(hours=1)
    before, after = ((datetime.fromisoformat(one["created_at"]) + by).isoformat() for by in (-hour, hour))
    rows: list[tuple[dict[str, str], int]] = [
        ({}, 5),
        ({"status": "failed"}, 3),
        ({"id": one["id"]}, 1),
        ({"id": one["id"], "queue": "other"}, 0),
        ({"id": one["id"][:13], "status": "failed"}, 1),
        ({"task_name": "ADD"}, 4),
        ({"name": "add"}, 3),
        ({"args": "1%1"}, 4),
        ({"kwargs": "x@y"}, 1),
        ({"arguments": "x@y", "queue": "", "queues": f'{queue},"{queue}, 2"'}, 3),
        ({"metadata": '"me"'}, 1),
        ({"error": "valueerror%no"}, 3),
        ({"error_kind": "ValueError: no *", "error": "22"}, 1),
        ({"worker": one["worker_id"]}, 1),
        ({"worker": str(uuid4())}, 0),
        ({"names": "sub,mul"}, 1),
        ({"not_names": "sub,adder"}, 3),
        ({"not_task_names": "u_,dde"}, 3),
        ({"not_errors": "22,number"}, 3),
        ({"state": "ready,failed"}, 5),
        ({"state": "ready", "status": "failed"}, 0),
        ({"since": before, "until": after}, 5),
        ({"since": after}, 0),
        ({"until": before}, 0),
    ]
    for query, matching in rows:
        asked = {name: text for name, text in {"queue": queue, **query}.items() if text}
        assert len(keyed.get(TASKS, params=asked).json()) == matching, query
        response = keyed.delete(TASKS, params={**asked, "dry_run": "true"})
        assert response.json()["matching"] == matching, query
    [alone] = keyed.get(TASKS, params={"id": one["id"][:13], "status": "failed", "queue": queue}).json()
    assert alone["id"] == one["id"]


def test_states_limit_what_a_call_may_change(keyed: httpx.Client, queue: str, api_database: str) -> None:
    async def run(conn: Conn) -> None:
        await enqueue(conn, queue_name=queue)
        later = await enqueue(conn, 2, queue_name=queue, scheduled_at=LATER)
        await conn.execute("UPDATE lapinq_delayed SET starts = 1 WHERE id = %s", (later[1],))

    on_connections(api_database, run)
    delayed = "must be one of scheduled, retrying: only delayed"
    for path, state, error in (
        (RUN, "ready", delayed),
        (RUN, "failed", delayed),
        (RUN, "blocked", delayed),
        (
            CANCEL,
            "failed,running",
            "must be one of ready, scheduled, retrying, blocked, suspended, paused: running",
        ),
        (REQUEUE, "ready", "must be failed: only failed"),
    ):
        check_queries_refused(keyed, "POST", path, [({"queue": queue, "state": state}, "state", error)])
    for path, status in ((RUN, Status.PENDING), (CANCEL, Status.PENDING), (REQUEUE, Status.FAILED)):
        others = [({"queue": queue, "status": one}, "status") for one in set(Status) - {status}]
        check_queries_refused(keyed, "POST", path, others)
    assert keyed.post(RUN, params={"queue": queue, "state": "retrying"}).json() == {"released": 1}
    assert keyed.post(CANCEL, params={"queue": queue, "state": "ready,failed"}).json() == {"cancelled": 2}
    assert keyed.delete(TASKS, params={"queue": queue, "state": "scheduled"}).json()["deleted"] == 1


def test_a_wrong_parameter_is_refused_by_its_name(keyed: httpx.Client) -> None:
    wrong = dict.fromkeys(("queue", "not_names"), "a\0b") | dict.fromkeys(("status", "state", "id"), "x")
    wrong |= dict.fromkeys(("error_kind", "error_group", "until"), "") | {
        "args": "x" * 1001,
        "worker": "web-1",
        "since": "1h",
    }
    wrong |= {"queues": "a,", "dry_run": "1", "limit": "5", "cursor": "A" * 22}
    for method, path in (("DELETE", TASKS), ("POST", REQUEUE), ("POST", CANCEL)):
        check_queries_refused(keyed, method, path, [({name: text}, name) for name, text in wrong.items()])
        answer = keyed.request(method, path, json={"queue": "a"})
        assert answer.json()["error"] == "queue is not a known field"


def test_the_failed_list_shows_failed_tasks_newest_first_in_pages(
    api: httpx.Client, queue: str, api_database: str
) -> None:
    ids = on_connections(api_database, partial(fail, count=5, queue_name=queue))[::-1]
    path = f"{TASKS}/failed"
    first = api.get(path, params={"queue": queue, "limit": 3})
    assert all(list(task) == FIELDS for task in first.json())
    cursor = first.headers["x-next-cursor"]
    second = api.get(path, params={"queue": queue, "limit": 3, "cursor": cursor})
    assert [task["id"] for task in first.json() + second.json()] == ids
    assert "x-next-cursor" not in second.headers
    for query, expected in (({"error": "NO"}, ids), ({"task_name": "sub"}, []), ({"args": "1%1"}, ids)):
        found = api.get(path, params={"queue": queue, **query}).json()
        assert [task["id"] for task in found] == expected, query
    wrong = [({name: "failed"}, name) for name in ("status", "result", "offset")]
    check_queries_refused(api, "GET", path, wrong)
