"""Unique and debounced tasks over HTTP: answers, refusals, repeated requests, and who has to wait for whom."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from lapinq_core.domain.ids import new_id


def _plain(queue: str, **fields: Any) -> dict[str, Any]:
    return {"task_name": "send", "module_path": "app.mail", "queue_name": queue, **fields}


def _task(queue: str, key: str = "k", unique: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return _plain(queue, unique={"key": key, **(unique or {})}, **fields)


def _put(api: httpx.Client, *tasks: dict[str, Any], key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    if len(tasks) == 1:
        return api.post("/api/v1/enqueue", json=tasks[0], headers=headers)
    return api.post("/api/v1/enqueue/batch", json=tasks, headers=headers)


def _stored(db: psycopg.Connection, queue: str) -> list[Any]:
    rows = db.execute("SELECT args FROM lapinq_tasks WHERE queue_name = %s ORDER BY id", (queue,)).fetchall()
    return [args for (args,) in rows]


def test_each_answer_to_one_task(api: httpx.Client, db: psycopg.Connection, queue: str) -> None:
    first = _put(api, _task(queue, args=[1], unique={"until": None, "on_conflict": None}))
    task_id = first.json()["task_id"]
    assert (first.status_code, first.json()) == (201, {"task_id": task_id})
    again = _put(api, _task(queue, args=[2], debounce=None))
    assert (again.status_code, again.json()) == (201, {"task_id": task_id, "existing": True})
    replaced = _put(api, _task(queue, args=[3], unique={"on_conflict": "replace"}))
    assert replaced.status_code == 201
    assert replaced.json() == {"task_id": task_id, "existing": True, "replaced": True}
    rejected = _put(api, _task(queue, args=[4], unique={"on_conflict": "reject"}))
    assert (rejected.status_code, rejected.json()) == (
        409,
        {
            "error": f"the task {task_id} has this unique key",
            "details": [{"loc": "unique.key", "msg": f"belongs to the task {task_id}"}],
            "task_id": task_id,
        },
    )
    assert _stored(db, queue) == [[3]]
    assert api.get(f"/api/v1/tasks/{task_id}").json()["unique_key"] == "k"


def test_each_answer_to_a_batch(api: httpx.Client, db: psycopg.Connection, queue: str) -> None:
    [task_id] = _put(api, _task(queue)).json().values()
    tasks = [
        _plain(queue),
        _task(queue),
        _task(queue, "new"),
        _task(queue, "new", {"on_conflict": "replace"}),
    ]
    answer = _put(api, *tasks).json()
    ids = answer["task_ids"]
    assert answer == {"task_ids": [ids[0], task_id, ids[2], ids[2]], "existing": [1, 3], "replaced": [3]}
    assert len(_stored(db, queue)) == 3
    rejected = _put(api, _plain(queue), _task(queue, unique={"on_conflict": "reject"}))
    assert (rejected.status_code, rejected.json()["task_id"]) == (409, task_id)
    assert rejected.json()["details"][0]["loc"] == "[1].unique.key"
    assert len(_stored(db, queue)) == 3


def test_a_debounced_task_is_replaced_and_waits(
    api: httpx.Client, db: psycopg.Connection, queue: str
) -> None:
    first, second = [
        _put(api, _plain(queue, args=[n], debounce={"key": "k", "delay": 60})).json() for n in (1, 2)
    ]
    assert second == {**first, "existing": True, "replaced": True}
    assert _stored(db, queue) == [[2]]
    late = "SELECT due_at > lapinq_now() + interval '50 seconds' FROM lapinq_delayed WHERE queue_name = %s"
    assert db.execute(late, (queue,)).fetchall() == [(True,)]


UNTIL = 'must be "started", "finished" or a number of seconds, more than 0 and at most 315576000 (ten years)'
SECONDS = "must be a number of seconds between 0 and 315576000 (ten years)"
KEY = {"key": "a"}
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"unique": {}}, "unique.key", "is required"),
    ({"unique": {"key": 7}}, "unique.key", "must be a string, not an integer"),
    ({"unique": {"key": "x" * 256}}, "unique.key", "must have 1 to 255 characters"),
    ({"unique": {"key": "a\tb"}}, "unique.key", "must not contain control characters"),
    ({"unique": {**KEY, "until": "ended"}}, "unique.until", UNTIL),
    ({"unique": {**KEY, "until": 0}}, "unique.until", UNTIL),
    ({"unique": {**KEY, "until": 1e9}}, "unique.until", UNTIL),
    ({"unique": {**KEY, "until": []}}, "unique.until", "must be a number or a string, not a list"),
    (
        {"unique": {**KEY, "on_conflict": "drop"}},
        "unique.on_conflict",
        'must be "return", "reject" or "replace"',
    ),
    ({"unique": {**KEY, "delay": 1}}, "unique.delay", "is not a known field"),
    ({"unique": "a"}, "unique", "must be an object, not a string"),
    ({"debounce": KEY}, "debounce.delay", "is required"),
    ({"debounce": {**KEY, "delay": 0}}, "debounce.delay", "must be more than 0"),
    ({"debounce": {**KEY, "delay": 1e9}}, "debounce.delay", SECONDS),
    (
        {"debounce": {**KEY, "delay": 5, "max_wait": 4}},
        "debounce.max_wait",
        "must not be less than the delay",
    ),
    ({"debounce": {**KEY, "delay": 5, "max_wait": 1e9}}, "debounce.max_wait", SECONDS),
    ({"unique": KEY, "debounce": {**KEY, "delay": 5}}, "debounce", "cannot be combined with unique"),
    (
        {"scheduled_at": "2031-01-01T00:00:00Z", "debounce": {**KEY, "delay": 5}},
        "debounce",
        "cannot be combined with scheduled_at",
    ),
]


def test_a_wrong_field_is_named_as_in_sql(api: httpx.Client, db: psycopg.Connection) -> None:
    for fields, loc, msg in WRONG:
        task = _plain("wrong", **fields)
        for path, body, place in (("enqueue", task, loc), ("enqueue/batch", [task], f"[0].{loc}")):
            answer = api.post(f"/api/v1/{path}", json=body)
            assert (answer.status_code, answer.json()["details"]) == (400, [{"loc": place, "msg": msg}]), (
                fields
            )
        with pytest.raises(psycopg.errors.InvalidParameterValue) as raised:
            db.execute("SELECT lapinq_enqueue(%s)", (Jsonb(task),))
        number = msg.replace("an integer", "a number")
        assert raised.value.diag.message_primary == f"{loc}: {number}"
        assert raised.value.diag.column_name == loc


def test_sql_enqueues_with_a_key(api: httpx.Client, db: psycopg.Connection, queue: str) -> None:
    def enqueue(task: dict[str, Any]) -> str:
        row = db.execute("SELECT lapinq_enqueue(%s)::text", (Jsonb(task),)).fetchone()
        assert row is not None
        return row[0]

    first = enqueue(_task(queue, args=[1]))
    assert enqueue(_task(queue, args=[2])) == first
    assert _put(api, _task(queue)).json() == {"task_id": first, "existing": True}
    assert enqueue(_task(queue, args=[3], metadata=None, unique={"on_conflict": "replace"})) == first
    assert _stored(db, queue) == [[3]]
    with pytest.raises(psycopg.errors.UniqueViolation) as raised:
        enqueue(_task(queue, unique={"on_conflict": "reject"}))
    assert raised.value.diag.message_detail == first
    debounced = [enqueue(_plain(queue, args=[n], debounce={"key": "d", "delay": 60})) for n in (4, 5)]
    assert len(set(debounced)) == 1
    assert _stored(db, queue) == [[3], [5]]
    short = enqueue(_task(queue, "forgotten", ttl_seconds=0))
    assert _put(api, _task(queue, "forgotten", ttl_seconds=0)).json() == {"task_id": short, "existing": True}


@pytest.mark.parametrize("on_conflict", ["return", "reject", "replace"])
def test_a_repeated_request_gets_the_first_answer(api: httpx.Client, queue: str, on_conflict: str) -> None:
    """Whatever has become of the key since. A client chooses the id of its task, and that alone would not tell."""
    unique = {"on_conflict": on_conflict}
    for key in (f"k {queue}", f"task-{new_id()}"):
        task = _task(queue, key, args=[1], unique=unique)
        first = _put(api, task, key=key)
        task_id = first.json()["task_id"]
        assert _put(api, _task(queue, key, args=[2], unique={"on_conflict": "replace"})).status_code == 201
        again = _put(api, task, key=key)
        assert (again.status_code, again.json()) == (201, {"task_id": task_id})
        assert again.headers["idempotency-replayed"] == "true"
        assert api.get(f"/api/v1/tasks/{task_id}").json()["args"] == [2]
        other = _task(queue, key, args=[3])
        met = _put(api, other, key=f"{key} 2")
        assert met.json() == {"task_id": task_id, "existing": True}
        api.delete(f"/api/v1/tasks/{task_id}")
        assert _put(api, other, key=f"{key} 2").json() == met.json()
        batch = [task, task] if on_conflict != "reject" else [task, _task(queue, f"{key} 3")]
        both = _put(api, *batch, key=f"{key} 4")
        assert _put(api, *batch, key=f"{key} 4").json() == both.json()


def test_a_key_in_an_open_transaction_holds_up_nothing_else(
    api: httpx.Client, api_database: str, queue: str
) -> None:
    with psycopg.connect(api_database) as other, ThreadPoolExecutor(20) as many:
        other.execute("SELECT lapinq_enqueue(%s)", (Jsonb(_task(queue)),))
        waiting = [many.submit(_put, api, _task(queue)) for _ in range(20)]
        for number in range(10):
            assert _put(api, _plain(queue)).status_code == 201
            assert _put(api, _task(queue, f"free {number}")).status_code == 201
        assert {one.result().status_code for one in waiting} == {503}
        refused = waiting[0].result()
        assert refused.json() == {"error": "another transaction with the same unique key has not ended"}
        assert refused.headers["retry-after"] == "1"
        other.rollback()
    assert "existing" not in _put(api, _task(queue)).json()
