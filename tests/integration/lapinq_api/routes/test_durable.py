"""Durable tasks over HTTP: their steps, signals, waits, and reruns from a step."""

from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from lapinq_core.domain.ids import new_id
from lapinq_core.durable import signals
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.ready_channels import waking
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, log_in
from tests.support.programs.command_line import noted
from tests.support.rows.durable import sleep, step, suspend, wait_for
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue

TASKS = "/api/v1/tasks"
WAITS = "/api/v1/waits"


class Asked(NamedTuple):
    task_id: str
    queue: str


@pytest.fixture
def asked(api_database: str, queue: str) -> Asked:
    """A task that has charged, and waits for a signal."""

    async def run(conn: Conn) -> str:
        [task_id] = await enqueue(conn, queue_name=queue)
        [held] = await claim(conn, await add_worker(conn), queue=queue)
        await step(conn, held, "charge", '{"paid": 7}')
        await wait_for(conn, held, "approved", "rejected", seconds=3600)
        await suspend(conn, held)
        return task_id

    return Asked(on_connections(api_database, run), queue)


def send(client: httpx.Client, task_id: str, name: str = "approved", **given: Any) -> httpx.Response:
    return client.post(f"{TASKS}/{task_id}/signals/{name}", **given)


def test_steps_and_waits_are_listed(api: httpx.Client, asked: Asked) -> None:
    charge, wait = api.get(f"{TASKS}/{asked.task_id}/steps").json()
    assert {**charge, "started_at": None, "ended_at": None} == {
        "name": "charge",
        "occurrence": 0,
        "kind": "step",
        "status": "completed",
        "result": '{"paid": 7}',
        "started_at": None,
        "ended_at": None,
        "attempt": 1,
        "due_at": None,
        "signals": None,
        "task_id": None,
        "version": None,
    }
    assert (wait["name"], wait["kind"], wait["status"], wait["ended_at"]) == (
        "approved|rejected",
        "signal",
        "waiting",
        None,
    )
    assert wait["signals"] == ["approved", "rejected"]
    assert wait["due_at"] > wait["started_at"]
    page = api.get(f"{TASKS}/{asked.task_id}/steps", params={"limit": 1})
    assert page.json() == [charge]
    cursor = page.headers["X-Next-Cursor"]
    rest = api.get(f"{TASKS}/{asked.task_id}/steps", params={"cursor": cursor})
    assert (rest.json(), "X-Next-Cursor" in rest.headers) == ([wait], False)


def test_a_signal_wakes_its_task(
    api: httpx.Client, api_database: str, asked: Asked, db: psycopg.Connection
) -> None:
    with waking(db, asked.queue):
        sent = send(api, asked.task_id, json={"by": "eva", "at": 3})
    assert (sent.status_code, sent.json()) == (202, {"id": asked.task_id, "signal": "approved"})

    async def take(conn: Conn) -> Any:
        [held] = await claim(conn, await add_worker(conn), queue=asked.queue)
        return await wait_for(conn, held, "approved", "rejected", seconds=3600)

    taken = on_connections(api_database, take)
    assert (taken.outcome, taken.taken, taken.result) == ("completed", "approved", '{"by":"eva","at":3}')
    assert noted(api_database)[-1][2:] == (
        "task.signal",
        asked.task_id,
        {"signal": "approved", "value": '{"by":"eva","at":3}'},
    )


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({}, "null"),
        ({"content": b" [1,\n 2] ", "headers": {"Content-Type": "application/json"}}, "[1,2]"),
        ({"json": "ü"}, '"ü"'),
        ({"content": b"12345678901234567890123.50"}, "12345678901234567890123.50"),
    ],
)
def test_the_body_is_the_value(
    api: httpx.Client, db: psycopg.Connection, queue: str, given: dict[str, Any], value: str
) -> None:
    task = {"task_name": "send", "module_path": "app.mail", "queue_name": queue}
    task_id = api.post("/api/v1/enqueue", json=task).json()["task_id"]
    for name in ("a", "b/c"):
        assert send(api, task_id, name, **given).status_code == 202
    rows = "SELECT name, result FROM lapinq_steps WHERE task_id = %s AND kind = 'sent' ORDER BY occurrence"
    assert db.execute(rows, (task_id,)).fetchall() == [("a", value), ("b/c", value)]


def test_a_repeated_request_sends_once(api: httpx.Client, db: psycopg.Connection, asked: Asked) -> None:
    key = {"Idempotency-Key": f"approve {asked.task_id}"}
    answers = [send(api, asked.task_id, "later", json=1, headers=key) for _ in range(2)]
    assert [(one.status_code, one.headers.get("Idempotency-Replayed")) for one in answers] == [
        (202, None),
        (202, "true"),
    ]
    assert answers[0].json() == answers[1].json()
    other = send(api, asked.task_id, "later", json=2, headers=key)
    assert (other.status_code, "different request" in other.json()["error"]) == (409, True)
    count = "SELECT count(*) FROM lapinq_steps WHERE task_id = %s AND kind = 'sent'"
    assert db.execute(count, (asked.task_id,)).fetchone() == (1,)


def test_a_signal_that_nobody_can_take_is_refused(
    api: httpx.Client, api_database: str, db: psycopg.Connection, queue: str
) -> None:
    unknown = send(api, new_id(), headers={"Idempotency-Key": "lost"})
    assert (unknown.status_code, unknown.json()["error"]) == (404, "there is no task with this id")

    async def run(conn: Conn) -> str:
        [task_id] = await enqueue(conn, queue_name=queue)
        await complete(conn, await claim(conn, await add_worker(conn), queue=queue))
        return task_id

    ended = send(api, on_connections(api_database, run))
    assert (ended.status_code, ended.json()["error"]) == (
        409,
        "the task has ended, so it takes no more signals",
    )
    task = {"task_name": "send", "module_path": "app.mail", "queue_name": queue}
    task_id = api.post("/api/v1/enqueue", json=task).json()["task_id"]
    db.execute(
        "INSERT INTO lapinq_steps (task_id, name, occurrence, kind, result, started_at, attempt)"
        " SELECT %s, 'x', nextval('lapinq_signal_seq'), 'sent', 'null', lapinq_now(), 0 FROM generate_series(1, %s)",
        (task_id, signals.MAX_WAITING),
    )
    full = send(api, task_id, headers={"Idempotency-Key": "full"})
    assert (full.status_code, "10,000 signals" in full.json()["error"]) == (409, True)
    db.execute("DELETE FROM lapinq_steps WHERE task_id = %s AND mod(occurrence, 2) = 0", (task_id,))
    assert send(api, task_id, headers={"Idempotency-Key": "full"}).status_code == 202


def test_waits_are_listed_oldest_first(api: httpx.Client, api_database: str, asked: Asked) -> None:
    async def run(conn: Conn) -> str:
        [task_id] = await enqueue(conn, queue_name=asked.queue)
        [held] = await claim(conn, await add_worker(conn), queue=asked.queue)
        await wait_for(conn, held, "shipped")
        await suspend(conn, held)
        return task_id

    later = on_connections(api_database, run)
    only = {"queue": asked.queue}
    first, second = api.get(WAITS, params=only).json()
    assert (first["task_id"], first["task_name"], first["queue_name"]) == (asked.task_id, "add", asked.queue)
    assert (first["signals"], first["deadline"] > first["since"]) == (["approved", "rejected"], True)
    assert (second["task_id"], second["signals"], second["deadline"]) == (later, ["shipped"], None)
    assert api.get(WAITS, params={**only, "name": "shipped"}).json() == [second]
    page = api.get(WAITS, params={**only, "limit": 1})
    assert page.json() == [first]
    rest = api.get(WAITS, params={**only, "cursor": page.headers["X-Next-Cursor"]})
    assert (rest.json(), "X-Next-Cursor" in rest.headers) == ([second], False)
    assert api.get(WAITS, params={"queue": f"{asked.queue} x"}).json() == []


def test_a_rerun_from_a_step_takes_over_what_ended_before(
    api: httpx.Client, api_database: str, queue: str, db: psycopg.Connection
) -> None:
    async def run(conn: Conn) -> str:
        [task_id] = await enqueue(conn, queue_name=queue)
        [held] = await claim(conn, await add_worker(conn), queue=queue)
        await step(conn, held, "reserve", '"r"', version="2")
        await wait_for(conn, held, "late", seconds=0)
        await step(conn, held, "charge", "1")
        await sleep(conn, held, 3600)
        await step(conn, held, "ship", "2")
        await conn.execute(
            "UPDATE lapinq_steps SET started_at = ended_at WHERE task_id = %s AND kind = 'step'", (task_id,)
        )
        await suspend(conn, held)
        return task_id

    earlier = on_connections(api_database, run)
    path = f"{TASKS}/{earlier}/rerun"
    new = api.post(path, json={"from_step": "charge", "priority": 3}).json()["task_id"]
    steps = api.get(f"{TASKS}/{new}/steps").json()
    assert [(one["name"], one["status"], one["attempt"], one["version"]) for one in steps] == [
        ("reserve", "completed", 0, "2"),
        ("late", "timed_out", 0, None),
    ]
    task = api.get(f"{TASKS}/{new}").json()
    assert (task["rerun_of"], task["priority"]) == (earlier, 3)
    assert noted(api_database)[-1][4]["from_step"] == "charge"
    new = api.post(path, json={"from_step": "ship", "from_occurrence": 0}).json()["task_id"]
    steps = api.get(f"{TASKS}/{new}/steps").json()
    assert [one["name"] for one in steps] == ["reserve", "late", "charge"]  # the sleep has not ended
    new = api.post(path, json={"from_step": "ship", "args": ["other"]}).json()["task_id"]
    steps = api.get(f"{TASKS}/{new}/steps").json()
    assert [one["name"] for one in steps] == [
        "reserve",
        "charge",
    ]  # nobody was asked about the other arguments
    count = "SELECT count(*) FROM lapinq_tasks WHERE queue_name = %s"
    assert db.execute(count, (queue,)).fetchone() == (4,)
    for body, field in (
        ({"from_step": "chrage"}, "from_step"),
        ({"from_step": "charge", "from_occurrence": 1}, "from_step"),
        ({"from_step": ""}, "from_step"),
        ({"from_step": "charge", "from_occurrence": -1}, "from_occurrence"),
        ({"from_occurrence": 1}, "from_occurrence"),
        ({"from_step": "charge", "ttl_seconds": 0}, "from_step"),
        ({"from_step": "charge", "debounce": {"key": "k", "delay": 1}}, "from_step"),
        ({"from_step": "charge", "unique": {"key": "k", "on_conflict": "replace"}}, "from_step"),
    ):
        refused = api.post(path, json=body)
        assert (refused.status_code, refused.json()["details"][0]["loc"]) == (400, field), body
    assert db.execute(count, (queue,)).fetchone() == (4,)


def test_who_may_not_see_results_of_steps_moves_them_to_no_other_function(serve: Serve, asked: Asked) -> None:
    client = serve(redact=("paid",), api_key="secret")
    with httpx.Client(base_url=client.base_url, headers={"X-API-Key": "secret"}, trust_env=False) as admin:
        user = add_user(admin, "user", **{asked.queue: ["enqueue"]})
    log_in(client, user["username"], PASSWORD)
    path = f"{TASKS}/{asked.task_id}/rerun"
    refused = client.post(path, json={"from_step": "charge", "task_name": "mine"})
    assert (refused.status_code, "from_step" in refused.json()["error"]) == (403, True)
    assert client.post(path, json={"from_step": "charge"}).status_code == 201
