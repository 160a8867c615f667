"""What is enqueued over HTTP is stored as it was asked for, with the published defaults, when the 201 comes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from lapinq_api import state
from lapinq_api.overload.admission import Admission
from lapinq_api.overload.database import Database
from lapinq_core.batching.enqueue_batcher import EnqueueBatcher
from lapinq_core.db.notify.channels import DELAYED_CHANNEL
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.requests.enqueue import EnqueueRequest
from lapinq_core.domain.tasks.task import NewTask
from tests.support.database.ready_channels import waking
from tests.support.http.refusals import check_refused

Serve = Callable[..., httpx.Client]
ENQUEUE = "/api/v1/enqueue"
BATCH = "/api/v1/enqueue/batch"


def _task(**fields: Any) -> dict[str, Any]:
    return {"task_name": "send", "module_path": "app.mail", **fields}


def _row(db: psycopg.Connection, task_id: str) -> dict[str, Any]:
    with db.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("SELECT * FROM lapinq_tasks WHERE id = %s", (task_id,)).fetchone()
    assert row is not None
    return row


def test_a_task_is_stored_with_the_published_defaults_where_a_field_is_left_out_or_null(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    nothing = dict.fromkeys(set(EnqueueRequest.__struct_fields__) - {"task_name", "module_path"})
    for fields in ({}, nothing):
        response = api.post(ENQUEUE, json=_task(**fields))
        assert response.status_code == 201
        assert response.headers["content-type"] == "application/json"
        assert list(response.json()) == ["task_id"]
        row = _row(db, response.json()["task_id"])
        assert (row["queue_name"], row["args"], row["kwargs"]) == ("default", [], {})
        assert (row["max_retries"], row["priority"], row["retry_delay"]) == (3, 0, 10.0)
        assert (row["retry_backoff"], row["request_id"]) == (True, response.headers["x-request-id"])
        optional = ("metadata", "ttl_seconds", "webhook_url", "scheduled_at", "timeout_seconds")
        assert [row[field] for field in optional] == [None] * 5


def test_every_field_is_stored_as_given(api: httpx.Client, db: psycopg.Connection) -> None:
    asked = _task(
        queue_name="Übersicht 2",
        args=[1, 2**70, 1.5, "naïve 🐇", None, True, [{"deep": [[]]}]],
        kwargs={"to": "x@example.org", "": 1},
        max_retries=0,
        priority=-(2**31),
        ttl_seconds=90.5,
        metadata={"b": 1, "a": [2**70]},
        retry_delay=0,
        retry_backoff=False,
        webhook_url="https://example.org/hook?x=1",
        timeout_seconds=0.25,
    )
    # A time with an offset, with Z or without is the same instant.
    for text in ("2031-01-01T01:00:00+01:00", "2031-01-01T00:00:00Z", "2031-01-01 00:00", "2031-01-01"):
        response = api.post(ENQUEUE, json={**asked, "scheduled_at": text})
        row = _row(db, response.json()["task_id"])
        assert row["scheduled_at"] == datetime(2031, 1, 1, tzinfo=UTC), text
        assert {field: row[field] for field in asked} == asked


def test_metadata_is_kept_as_given_and_the_id_of_the_request_beside_it(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    given: list[dict[str, Any] | None] = [None, {}, {"a": 1}, {"request_id": None}, {"request_id": "mine"}]
    batch = [_task(metadata=metadata) for metadata in given]
    batch.append(_task(ttl_seconds=0, queue_name="with metadata"))
    ids = api.post(BATCH, json=batch, headers={"X-Request-ID": "r-7"}).json()["task_ids"]
    shown = [api.get(f"/api/v1/tasks/{task_id}").json() for task_id in ids[:-1]]
    assert [task["metadata"] for task in shown] == given
    assert [task["request_id"] for task in shown] == ["r-7"] * len(given)
    transient = db.execute(
        "SELECT metadata, request_id FROM lapinq_transient WHERE queue_name = 'with metadata'"
    ).fetchone()
    assert transient == (None, "r-7")


def test_a_body_of_any_json_type_or_none_in_parts_or_large_is_taken_whole(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    body = b'{"task_name": "send", "module_path": "app.mail"}'
    for kind in ("application/json", "application/json; charset=UTF-8", "application/vnd.app+json", None):
        headers = {"Content-Type": kind} if kind else {}
        assert api.post(ENQUEUE, content=body, headers=headers).status_code == 201, kind
        assert api.post(ENQUEUE, content=iter([body[:20], body[20:]]), headers=headers).status_code == 201
    text = "x" * 900_000
    response = api.post(ENQUEUE, json=_task(args=[text]))
    assert response.status_code == 201
    assert _row(db, response.json()["task_id"])["args"] == [text]


def test_a_batch_answers_ids_in_its_order_and_null_for_fire_and_forget(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    limits = [5, 1.5, 315_576_000, None]
    batch = [
        _task(args=[n], timeout_seconds=limit, queue_name="limits", ttl_seconds=0 if n == 1 else None)
        for n, limit in enumerate(limits)
    ]
    response = api.post(BATCH, json=batch)
    assert response.status_code == 201
    ids = response.json()["task_ids"]
    assert ids[1] is None
    kept = [task_id for task_id in ids if task_id]
    assert kept == sorted(kept)
    stored = [(row["args"], row["timeout_seconds"]) for row in (_row(db, task_id) for task_id in kept)]
    assert stored == [([0], 5), ([2], 315_576_000), ([3], None)]
    one = api.post(ENQUEUE, json=_task(queue_name="limits", ttl_seconds=0))
    assert (one.status_code, one.json()) == (201, {"task_id": None, "ttl_seconds": 0})
    transient = "SELECT timeout_seconds FROM lapinq_transient WHERE queue_name = 'limits' ORDER BY seq"
    assert db.execute(transient).fetchall() == [(1.5,), (None,)]
    assert len(api.post(BATCH, json=[_task()] * 1000).json()["task_ids"]) == 1000
    empty = api.post(BATCH, json=[])
    assert (empty.status_code, empty.json()) == (201, {"task_ids": []})


def test_a_batch_with_one_bad_task_stores_nothing(api: httpx.Client, db: psycopg.Connection) -> None:
    batch = [_task(task_name="all or none"), _task(task_name="all or none", priority=2**31)]
    response = api.post(BATCH, json=batch)
    assert response.status_code == 400
    assert response.json()["details"][0]["loc"] == "[1].priority"
    assert db.execute("SELECT count(*) FROM lapinq_tasks WHERE task_name = 'all or none'").fetchone() == (0,)


async def test_requests_of_successive_turns_of_the_loop_share_a_statement(api_database: str) -> None:
    pool = Database(api_database, 4)
    pool.is_ready = True
    await pool.open()
    try:
        async with asyncio.TaskGroup() as group, asyncio.TaskGroup() as putting:
            batcher = EnqueueBatcher(pool, Notifier(pool.pool), Notifier(pool.pool), group)
            for _ in range(5):
                task = NewTask(id=new_id(), task_name="in turn", module_path="app")
                putting.create_task(batcher.put(task, 100))
                await asyncio.sleep(0)
    finally:
        await pool.close()
    with psycopg.connect(api_database) as conn:
        stored = "SELECT count(DISTINCT xmin::text), count(*) FROM lapinq_tasks WHERE task_name = 'in turn'"
        assert conn.execute(stored).fetchone() == (1, 5)


def test_who_makes_delayed_tasks_ready_is_told_of_what_is_due_soon(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    def scheduled(seconds: float) -> dict[str, object]:
        return _task(scheduled_at=(datetime.now(UTC) + timedelta(seconds=seconds)).isoformat())

    db.execute(f"LISTEN {DELAYED_CHANNEL}")
    try:
        for body in (_task(), scheduled(60), scheduled(-60), scheduled(0.8)):
            assert api.post(ENQUEUE, json=body).status_code == 201
        assert api.post(BATCH, json=[_task(), scheduled(0.7)]).status_code == 201
        heard = [float(note.payload) for note in db.notifies(timeout=5, stop_after=2)]
        assert all(0 < seconds <= 0.8 for seconds in heard)
        assert len(heard) == 2
    finally:
        db.execute(f"UNLISTEN {DELAYED_CHANNEL}")


def test_workers_are_woken_after_the_commit(api: httpx.Client, db: psycopg.Connection) -> None:
    with waking(db, "wake me"):
        task_id = api.post(ENQUEUE, json=_task(queue_name="wake me")).json()["task_id"]
    assert _row(db, task_id)["queue_name"] == "wake me"


def test_with_allowed_modules_no_other_is_taken_and_no_part_of_a_name_is_private(
    serve: Serve, api: httpx.Client
) -> None:
    client = serve(allowed_modules=("app.*", "jobs"))
    for module in ("app.mail", "jobs"):
        assert client.post(ENQUEUE, json=_task(module_path=module)).status_code == 201, module
    check_refused(
        client, "POST", ENQUEUE, [(_task(module_path=one), "module_path") for one in ("os", "app", "jobs.x")]
    )
    for name in ("__loader__.get_data", "_send", "Mailer._send"):
        task = _task(task_name=name)
        check_refused(client, "POST", ENQUEUE, [(task, "task_name", "LAPINQ_ALLOWED_MODULES")])
        check_refused(client, "POST", BATCH, [([task], "[0].task_name", "LAPINQ_ALLOWED_MODULES")])
        assert api.post(ENQUEUE, json=task).status_code == 201


def test_a_body_of_more_values_than_memory_may_take_is_a_413(
    serve: Serve, db: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "Admission", partial(Admission, 2**20))
    client = serve()
    task, large = (_task(queue_name="of many values", args=[[]] * count) for count in (1000, 20_000))
    for path, taken, refused in ((ENQUEUE, task, large), (BATCH, [task], [task, large])):
        answer = client.post(path, json=refused)
        assert answer.status_code == 413, path
        assert "has too many values" in answer.json()["error"], path
        assert client.post(path, json=taken).status_code == 201, path
    assert db.execute("SELECT count(*) FROM lapinq_tasks WHERE queue_name = 'of many values'").fetchone() == (
        2,
    )
