"""`Idempotency-Key`: a request that is sent again is answered as the first time, and stores nothing."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_api.overload import database as overload
from lapinq_api.overload.database import Database
from lapinq_core.batching.enqueue_batcher import EnqueueBatcher
from lapinq_core.db.errors import ValueRefused
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.idempotency import Answered, Earlier, Key
from tests.support.database.proxy import proxy

Serve = Callable[..., httpx.Client]

BOTH = pytest.mark.parametrize("path", ["/api/v1/enqueue", "/api/v1/enqueue/batch"])
_numbers = count()


def _task(**fields: Any) -> dict[str, Any]:
    return {"task_name": "send", "module_path": "app.mail", **fields}


def _body(path: str, **fields: Any) -> Any:
    return [_task(**fields), _task(**fields)] if path.endswith("batch") else _task(**fields)


def _key() -> str:
    return f"key {next(_numbers)}"


def _post(client: httpx.Client, path: str, key: str, body: Any) -> httpx.Response:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


def _stored(db: psycopg.Connection, queue: str) -> int:
    row = db.execute("SELECT count(*) FROM lapinq_tasks WHERE queue_name = %s", (queue,)).fetchone()
    assert row is not None
    return row[0]


def _is_known(db: psycopg.Connection, key: str) -> bool:
    """Whether somebody used it who sends no key of the API and no cookie."""
    known = db.execute("SELECT 1 FROM lapinq_idempotency_keys WHERE key = %s", (_anonymous(key),)).fetchone()
    return known is not None


def _anonymous(key: str) -> str:
    """What it is stored as."""
    return f"anonymous\n{key}"


@BOTH
def test_the_same_request_gets_the_same_answer_and_stores_nothing(
    api: httpx.Client, db: psycopg.Connection, path: str
) -> None:
    """After one that was refused, which uses no key."""
    key = queue = _key()
    assert _post(api, path, key, _body(path, priority=2**31)).status_code == 400
    first = _post(api, path, key, _body(path, queue_name=queue))
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    stored = _stored(db, queue)
    for _ in range(2):
        again = _post(api, path, key, _body(path, queue_name=queue))
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["idempotency-replayed"] == "true"
    assert _stored(db, queue) == stored


def test_a_key_belongs_to_its_caller(keyed: httpx.Client, db: psycopg.Connection) -> None:
    key = queue = _key()
    path = "/api/v1/enqueue"
    made = [
        keyed.post("/api/v1/keys", json={"name": f"{key} {n}", "scopes": ["enqueue"]}).json()["key"]
        for n in range(2)
    ]
    callers = [keyed.headers, *({"X-API-Key": one} for one in made)]
    bodies = [_task(queue_name=queue), _task(queue_name=queue), _task(queue_name=queue, priority=1)]
    answers = [
        keyed.post(path, json=body, headers={**caller, "Idempotency-Key": key})
        for caller, body in zip(callers, bodies, strict=True)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201] * 6
    ids = [answer.json()["task_id"] for answer in answers]
    assert ids[::2] == ids[1::2]
    assert len(set(ids)) == _stored(db, queue) == len(callers)


@BOTH
def test_another_body_under_the_same_key_is_a_conflict(
    api: httpx.Client, db: psycopg.Connection, path: str
) -> None:
    key = queue = _key()
    _post(api, path, key, _body(path, queue_name=queue, args=[1]))
    stored = _stored(db, queue)
    refused = _post(api, path, key, _body(path, queue_name=queue, args=[2]))
    assert refused.status_code == 409
    assert refused.json() == {"error": "the Idempotency-Key was used for a different request within 24 hours"}
    assert _stored(db, queue) == stored


def test_the_other_route_is_another_request_even_with_the_same_body(api: httpx.Client) -> None:
    key = _key()
    assert _post(api, "/api/v1/enqueue/batch", key, []).json() == {"task_ids": []}
    assert _post(api, "/api/v1/enqueue/batch", key, []).headers["idempotency-replayed"] == "true"
    assert _post(api, "/api/v1/enqueue", key, _task()).status_code == 409


def test_fire_and_forget_is_answered_with_null_again(api: httpx.Client, db: psycopg.Connection) -> None:
    key = queue = _key()
    batch = [_task(queue_name=queue), _task(queue_name=queue, ttl_seconds=0)]
    first = _post(api, "/api/v1/enqueue/batch", key, batch)
    assert first.json()["task_ids"][1] is None
    assert _post(api, "/api/v1/enqueue/batch", key, batch).json() == first.json()
    single = _key()
    for _ in range(2):
        answer = _post(api, "/api/v1/enqueue", single, _task(queue_name=queue, ttl_seconds=0))
        assert answer.json() == {"task_id": None, "ttl_seconds": 0}
    waiting = db.execute("SELECT count(*) FROM lapinq_transient WHERE queue_name = %s", (queue,)).fetchone()
    assert waiting == (2,)


@BOTH
def test_a_key_that_cannot_be_is_refused_by_name(api: httpx.Client, path: str) -> None:
    form, twice = "must have 1 to 255 printable ASCII characters", "must be given once"
    for sent, msg in (([b""], form), ([b"x" * 256], form), ([b"caf\xc3\xa9"], form), ([b"a", b"a"], twice)):
        response = api.post(path, json=_body(path), headers=[(b"Idempotency-Key", key) for key in sent])
        assert response.status_code == 400
        assert response.json()["details"] == [{"loc": "Idempotency-Key", "msg": msg}]


def test_the_longest_key_and_every_printable_character_are_taken(api: httpx.Client) -> None:
    for key in ("x" * 255, "".join(map(chr, range(0x21, 0x7F))), "a b"):
        assert _post(api, "/api/v1/enqueue", key, _task()).status_code == 201
        assert _post(api, "/api/v1/enqueue", key, _task()).headers["idempotency-replayed"] == "true"


def test_a_key_is_free_again_after_a_day(api: httpx.Client, db: psycopg.Connection) -> None:
    key = queue = _key()
    first = _post(api, "/api/v1/enqueue", key, _task(queue_name=queue)).json()
    _make_older(db, key, "23 hours 59 minutes")
    assert _post(api, "/api/v1/enqueue", key, _task(queue_name=queue)).json() == first
    _make_older(db, key, "1 minute")
    later = _post(api, "/api/v1/enqueue", key, _task(queue_name=queue, args=[1]))
    assert later.status_code == 201
    assert later.json() != first
    assert _post(api, "/api/v1/enqueue", key, _task(queue_name=queue, args=[1])).json() == later.json()
    assert _stored(db, queue) == 2


def test_a_key_that_names_an_id_stores_the_task_under_it_and_no_key(
    api: httpx.Client, serve: Serve, db: psycopg.Connection
) -> None:
    task_id = new_id()
    key, queue = f"task-{task_id}", task_id
    first = _post(api, "/api/v1/enqueue", key, _task(queue_name=queue))
    assert (first.status_code, first.json()) == (201, {"task_id": task_id})
    assert "idempotency-replayed" not in first.headers
    for server in (api, serve()):
        again = _post(server, "/api/v1/enqueue", key, _task(queue_name=queue))
        assert (again.status_code, again.json()) == (201, {"task_id": task_id})
        assert again.headers["idempotency-replayed"] == "true"
    assert (_stored(db, queue), _is_known(db, key)) == (1, False)


def test_the_key_is_stored_where_the_id_cannot_tell_a_repetition(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    long_ago = "task-0198f3c2-7a10-7000-8000-000000000001"
    brief, transient = f"task-{new_id()}", f"task-{new_id()}"
    for key, ttl in ((long_ago, None), (brief, 5), (transient, 0)):
        body = _task(queue_name=key, ttl_seconds=ttl)
        answers = [_post(api, "/api/v1/enqueue", key, body) for _ in range(2)]
        assert answers[0].json() == answers[1].json()
        assert answers[1].headers["idempotency-replayed"] == "true"
        assert _is_known(db, key)
        assert (f"task-{answers[0].json()['task_id']}" == key) is (key == brief)


def _make_older(db: psycopg.Connection, key: str, interval: str) -> None:
    db.execute(
        "UPDATE lapinq_idempotency_keys SET created_at = created_at - %s::interval WHERE key = %s",
        (interval, _anonymous(key)),
    )


def test_of_repeats_at_the_same_time_one_stores_on_whatever_server(
    api: httpx.Client, serve: Serve, db: psycopg.Connection
) -> None:
    servers = [api, serve()]
    queue = _key()
    keys = [f"{queue} {n}" for n in range(10)]

    def send(number: int) -> tuple[str, str]:
        key = keys[number % len(keys)]
        answer = _post(servers[number // 2 % 2], "/api/v1/enqueue", key, _task(queue_name=queue, args=[key]))
        assert answer.status_code == 201, answer.text
        return key, answer.json()["task_id"]

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(send, range(len(keys) * 8)))
    assert Counter(key for key, _ in answers) == dict.fromkeys(keys, 1)
    assert _stored(db, queue) == len(keys)


def test_with_and_without_keys_they_share_statements_and_a_bad_one_harms_itself_alone(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overload, "BUDGET_SECONDS", 30.0)

    async def run() -> list[Earlier | Answered | BaseException | None]:
        pool = Database(database, 4)
        pool.is_ready = True
        await pool.open()
        try:
            async with asyncio.TaskGroup() as group:
                batcher = EnqueueBatcher(pool, Notifier(pool.pool), Notifier(pool.pool), group)
                tasks = [NewTask(id=new_id(), task_name=f"t{n}", module_path="app") for n in range(60)]
                for bad in (3, 4, 30):
                    tasks[bad].metadata = {"nul": "\x00"}  # the domain would have refused it
                return await asyncio.gather(
                    *(
                        batcher.put(task, 100, Key(f"{n % 30}", b"same") if n % 2 else None)
                        for n, task in enumerate(tasks)
                    ),
                    return_exceptions=True,
                )
        finally:
            await pool.close()

    outcomes = asyncio.run(run())
    # Number 3 is refused, so its key is free for number 33.
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, ValueRefused)] == [3, 4, 30]
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Earlier)] == [
        n for n in range(31, 60, 2) if n != 33
    ]
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT count(*) FROM lapinq_tasks").fetchone() == (60 - 3 - 14,)
        assert conn.execute("SELECT count(*) FROM lapinq_idempotency_keys").fetchone() == (15,)
        assert conn.execute("SELECT sum(pending) FROM lapinq_counts").fetchone() == (60 - 3 - 14,)


def test_without_the_database_nothing_is_used_up(api_database: str, serve: Serve) -> None:
    with proxy(api_database) as between, psycopg.connect(api_database, autocommit=True) as direct:
        client = serve(database_url=between.url)
        for path in ("/api/v1/enqueue", "/api/v1/enqueue/batch"):
            assert _post(client, path, f"before {path}", _body(path)).status_code == 201
        between.cut()
        for path in ("/api/v1/enqueue", "/api/v1/enqueue/batch"):
            assert _post(client, path, "k", _body(path)).status_code == 503
        assert not _is_known(direct, "k")
