"""Completing an attempt in somebody else's transaction: all of it or nothing, and the holder of the token alone."""

import asyncio

import psycopg
import pytest

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.tasks import actions, completion, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.database.invariants import check_rows
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import (
    Conn,
    Connections,
    add_worker,
    attempts,
    claim,
    complete,
    counts,
    enqueue,
    status,
)


def end(task: str, held: Claim, result: str) -> completion.Completion:
    return completion.Completion(task_id=task, token=held.token, result=result, seconds=0.5)


async def test_the_end_and_what_else_is_written_commit_together_or_not_at_all(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    (held,) = await claim(conn, await add_worker(conn))
    async with conn.transaction(force_rollback=True):
        assert await completion.acomplete_one(conn, end(task, held, "1"))
    assert await status(conn, task) == "running"
    with pytest.raises(psycopg.DataError):
        async with conn.transaction():
            await completion.acomplete_one(conn, end(task, held, '"\x00"'))
    assert await status(conn, task) == "running"

    await conn.execute("CREATE TABLE orders (id int)")
    async with conn.transaction():
        await conn.execute("INSERT INTO orders VALUES (1)")
        assert await completion.acomplete_one(conn, end(task, held, '"done"'))
    assert await status(conn, task) == "completed"
    (shown,) = await attempts(conn, task)
    assert (shown["result"], shown["run_seconds"]) == ('"done"', 0.5)
    assert await worker_verbs.find_own_attempts(conn, [task], [held.token]) == {task}
    assert await complete(conn, [held]) == 0
    await check_rows(conn, [task])


async def test_a_plain_connection_does_the_same(database: str, conn: Conn) -> None:
    (task,) = await enqueue(conn)
    (held,) = await claim(conn, await add_worker(conn))
    with psycopg.connect(database) as plain:
        assert completion.complete_one(plain, end(task, held, '{"a": "ü"}'))
    assert (await attempts(conn, task))[0]["result"] == '{"a": "ü"}'
    with psycopg.connect(database) as plain:
        assert not completion.complete_one(plain, end(task, held, "1"))


async def test_an_attempt_that_was_given_to_another_worker_is_not_ended(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    worker = await add_worker(conn)
    (old,) = await claim(conn, worker)
    await worker_verbs.settle(conn, [ended_as(task, old.token, Retry(0.0, "lost"))])
    await claim(conn, worker)
    assert not await completion.acomplete_one(conn, end(task, old, "1"))
    assert await status(conn, task) == "running"


async def test_a_request_to_stop_does_not_undo_what_is_about_to_commit(connections: Connections) -> None:
    conn, asking, looking = await connections(3)
    (task,) = await enqueue(conn)
    (held,) = await claim(conn, await add_worker(conn))
    async with conn.transaction():
        assert await completion.acomplete_one(conn, end(task, held, "1"))
        request = asyncio.ensure_future(actions.request_cancel(asking, task))
        await eventually_async(lambda: is_held_up(looking, asking))
    assert await request is False
    assert await counts(looking) == {"completed": 1}
