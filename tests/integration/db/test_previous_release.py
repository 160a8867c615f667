"""The release before on the schema of this one: what an upgrade without a stop of everything rests on."""

import uuid
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql as psql

from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.decide import Isolation, Retry
from lapinq_core.tasks import control, work
from lapinq_core.upkeep.passes import ended_as
from tests.support import previous_release
from tests.support.factories import Conn, add_worker, complete, counts, enqueue, pause, status
from tests.support.factories import claim as claim_now
from tests.support.invariants import check_invariants
from tests.support.previous_release import claim as claim_then
from tests.support.previous_release import rows
from tests.support.running import on_connections

pytestmark = pytest.mark.version

PARAMETERS: dict[str, Any] = {
    "id": new_id(),
    "limit": 5,
    "queue": "default",
    "queues": ["default"],
    "ranks": [0],
    "seqs": [0],
    "worker": new_id(),
    "token": new_id(),
    "lease": 300.0,
    "mark_rank": 0,
    "mark_seq": 0,
    "max_rank": 0,
    "ids": "{}",
    "tokens": "{}",
    "seconds": "{}",
    "results": "[]",
    "attempts": "[]",
    "tasks": "[]",
    "weeks_ahead": 2,
    "name": "box",
    "hostname": "box",
    "pid": 1,
    "version": previous_release.VERSION,
    "pool": "threads",
    "concurrency": 4,
    "lease_seconds": 30.0,
}


def entry(**values: Any) -> dict[str, Any]:
    """A task as that release wrote it into its INSERT."""
    return {
        "id": new_id(),
        "task_name": "add",
        "module_path": "tests.support.tasks",
        "queue_name": "default",
        "args": [1, 1],
        "kwargs": {},
        "scheduled_at": None,
        "max_retries": 3,
        "priority": 0,
        "ttl_seconds": None,
        "metadata": None,
        "retry_delay": 10.0,
        "retry_backoff": True,
        "webhook_url": None,
        **values,
    }


async def enqueue_then(conn: Conn, count: int = 1, **values: Any) -> list[str]:
    entries = [entry(**values) for _ in range(count)]
    assert await rows(conn, "enqueue", tasks=msgspec.json.encode(entries).decode()) in ([("default",)], [])
    return [each["id"] for each in entries]


async def complete_then(conn: Conn, ids: list[str], token: str) -> int:
    count = len(ids)
    return (
        await rows(
            conn,
            "complete",
            ids=ids,
            tokens=[token] * count,
            seconds=[0.1] * count,
            results=msgspec.json.encode(["1"] * count).decode(),
        )
    )[0][0]


async def settle_then(conn: Conn, task: str, token: str, **values: Any) -> list[tuple[Any, ...]]:
    end = {
        "id": task,
        "token": token,
        "final": False,
        "counts": True,
        "delay": 0.0,
        "error": "no",
        "traceback": None,
        "run_seconds": 0.1,
        "rescued": False,
        **values,
    }
    return await rows(conn, "settle", attempts=msgspec.json.encode([end]).decode())


@pytest.mark.parametrize(
    ("package", "verb"),
    [(package, verb) for package in ("queue", "store") for verb in previous_release.statements(package)],
)
def test_every_statement_of_the_release_before_runs(
    conn: psycopg.Connection, package: str, verb: str
) -> None:
    text: psql.Composable = psql.SQL(previous_release.statement(verb, package))
    if verb == "task_objects":
        text = psql.SQL(previous_release.statement(verb, package)).format(
            picked=psql.SQL("SELECT %(id)s::uuid AS id")
        )
    conn.execute(text, {**PARAMETERS, "queues": ["default"]})


def test_there_are_statements_to_run() -> None:
    assert len(previous_release.statements("queue")) > 20
    assert len(previous_release.statements("store")) == 5


def test_a_worker_of_the_release_before_does_all_its_work(database: str) -> None:
    async def test(conn: Conn) -> None:
        worker = await add_worker(conn, version=previous_release.VERSION)
        ids = await enqueue_then(conn, 4)
        token = str(uuid.uuid4())
        held = await claim_then(conn, worker, token)
        assert [task[0] for task in held] == ids
        assert {len(task) for task in held} == {12}
        assert await rows(conn, "beat", "store", id=worker)

        assert await complete_then(conn, ids[:1], token) == 1
        assert await settle_then(conn, ids[1], token, final=True) == [(ids[1], None)]
        assert await settle_then(conn, ids[2], token, delay=3600.0) == [(ids[2], None)]
        released = await rows(conn, "release", ids=[ids[3]], tokens=[token], seqs=[held[3][10]])
        assert released == [("default",)]
        assert await counts(conn) == {"completed": 1, "failed": 1, "pending": 2}

        await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now()")
        assert (await rows(conn, "promote", limit=10))[0][:2] == (1, ["default"])
        again = await claim_then(conn, worker, str(uuid.uuid4()))
        assert sorted((task[0], task[5]) for task in again) == [(ids[2], 2), (ids[3], 1)]
        check_invariants(database, ids)

    on_connections(database, test)


def test_each_release_takes_what_the_other_enqueued(database: str) -> None:
    async def test(conn: Conn) -> None:
        worker = await add_worker(conn)
        (new,) = await enqueue(conn, timeout_seconds=5, metadata={"a": 1})
        token = str(uuid.uuid4())
        ((task, *_),) = await claim_then(conn, worker, token)
        assert task == new
        cursor = await conn.execute(
            "SELECT extract(epoch FROM deadline_at - claimed_at)::int FROM lapinq_running"
        )
        assert await cursor.fetchone() == (310,), "it knows of no limit of a task's own"
        assert await complete_then(conn, [new], token) == 1

        (old,) = await enqueue_then(conn, metadata={"a": 1})
        (held,) = await claim_now(conn, worker)
        assert (held.id, held.timeout, held.isolation) == (old, None, 0)
        assert await complete(conn, [held]) == 1
        check_invariants(database, [new, old])

    on_connections(database, test)


def test_each_release_ends_and_rescues_what_the_other_claimed(database: str) -> None:
    async def test(conn: Conn) -> None:
        worker = await add_worker(conn)
        ids = await enqueue(conn, 2)
        token = str(uuid.uuid4())
        await claim_then(conn, worker, token)
        end = ended_as(ids[0], token, Retry(0.0, "died", isolation=Isolation.ISOLATED))
        assert await work.settle(conn, [end]) == {ids[0]: "default"}
        assert await work.complete(conn, [ids[1]], [token], ["1"], [0.1]) == 1

        # It runs the task as any other; what it hands on is to be had without isolation.
        again = str(uuid.uuid4())
        ((task, *_),) = await claim_then(conn, worker, again)
        assert task == ids[0]
        ((lost, *_),) = await _lost_then(conn)
        assert lost == ids[0]
        assert await settle_then(conn, ids[0], again) == [(ids[0], "default")]
        (held,) = await claim_now(conn, worker)
        assert (held.attempt, held.isolation) == (3, 0)
        await complete(conn, [held])
        check_invariants(database, ids)

    on_connections(database, test)


async def _lost_then(conn: Conn) -> list[tuple[Any, ...]]:
    await conn.execute("UPDATE lapinq_running SET deadline_at = lapinq_now() - interval '1 second'")
    return await rows(conn, "find_lost", limit=10)


def test_a_request_to_stop_leaves_the_release_before_as_it_was(database: str) -> None:
    async def test(conn: Conn) -> None:
        worker = await add_worker(conn)
        (task,) = await enqueue(conn)
        token = str(uuid.uuid4())
        await claim_then(conn, worker, token)
        assert await control.request_cancel(conn, task)
        assert len(await rows(conn, "beat", "store", id=worker)) == 1
        # It does not know of the request, so a retry is one; the request does not outlive the attempt.
        await settle_then(conn, task, token)
        assert await status(conn, task) == "pending"
        (held,) = await claim_now(conn, worker)
        assert await complete(conn, [held]) == 1
        check_invariants(database, [task])

    on_connections(database, test)


def test_a_paused_queue_is_not_paused_for_the_release_before(database: str) -> None:
    async def test(conn: Conn) -> None:
        worker = await add_worker(conn)
        (task,) = await enqueue(conn)
        await pause(conn, "default")
        assert await claim_now(conn, worker) == []
        assert [held[0] for held in await claim_then(conn, worker, str(uuid.uuid4()))] == [task]

    on_connections(database, test)


def test_fire_and_forget_goes_both_ways(database: str) -> None:
    async def test(conn: Conn) -> None:
        await enqueue(conn, ttl_seconds=0, timeout_seconds=5)
        ((text,),) = await rows(conn, "claim_transient", queues=None, limit=5)
        ((_, name, *_),) = msgspec.json.decode(text)
        assert name == "add"
        tasks = msgspec.json.encode([entry(ttl_seconds=0)]).decode()
        assert await rows(conn, "enqueue_transient", tasks=tasks) == [("default",)]
        (held,) = await work.claim_transient(conn, ["default"], 5)
        assert (held.timeout, held.queue_name) == (None, "default")

    on_connections(database, test)
