"""Ending attempts: only the holder of the token may, and once."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from lapinq_core.db.rows import maybe_row
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Fail, Retry
from lapinq_core.tasks import actions, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import rescuing
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import (
    Conn,
    Connections,
    add_worker,
    beat,
    claim,
    complete,
    enqueue,
    make_late,
    status,
)
from tests.support.rows.rescue import ANY_TIME, rescue_all
from tests.support.tries import tries


async def attempts(conn: Conn, task_id: str) -> list[tuple[Any, ...]]:
    cursor = await conn.execute(
        "SELECT attempt, final, outcome, result, error FROM lapinq_attempts WHERE task_id = %s ORDER BY finished_at",
        (task_id,),
    )
    return await cursor.fetchall()


async def beats(conn: Conn, worker: str) -> Any:
    return await maybe_row(conn, "SELECT beat_at, dead_at FROM lapinq_workers WHERE id = %s", (worker,))


async def test_a_completion_keeps_its_result_as_it_is(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    claims = await claim(conn, await add_worker(conn))
    result = '{"b": [1, "\\u0000 \\ud83d\\ude00 ü"], "a":1.0}'
    assert await complete(conn, claims, result) == 1
    assert await status(conn, task) == "completed"
    assert await attempts(conn, task) == [(1, True, "completed", result, None)]


async def test_a_stale_workers_result_changes_nothing(connections: Connections) -> None:
    stale, living = await connections(2)
    (task,) = await enqueue(stale)
    old_worker = await add_worker(stale)
    old = await claim(stale, old_worker)
    await make_late(living, old_worker)
    await rescue_all(living)
    new = await claim(living, await add_worker(living))

    assert await complete(stale, old, '"stale"') == 0
    assert await worker_verbs.settle(stale, [ended_as(task, old[0].token, Fail("stale"))]) == (0, [])
    assert await worker_verbs.settle(stale, [ended_as(task, old[0].token, Retry(0.0, "stale"))]) == (0, [])
    assert await worker_verbs.release(stale, old) == set()
    beat_at = await beats(living, old_worker)
    await beat(stale, old_worker)
    assert await beats(living, old_worker) == beat_at
    assert await status(living, task) == "running"

    assert await complete(living, new, '"new"') == 1
    assert (await attempts(living, task))[-1] == (2, True, "completed", '"new"', None)
    assert await complete(stale, old, '"stale"') == 0
    assert (await attempts(living, task))[-1] == (2, True, "completed", '"new"', None)


async def test_a_result_from_before_a_requeue_is_refused(conn: Conn) -> None:
    (task,) = await enqueue(conn, max_retries=0)
    worker = await add_worker(conn)
    old = await claim(conn, worker)
    await worker_verbs.settle(conn, [ended_as(task, old[0].token, Fail("time"))])
    assert await actions.requeue(conn, task, by="lisa") == "default"
    new = await claim(conn, worker)
    assert new[0].attempt == 1
    assert await complete(conn, old, '"old"') == 0
    assert await complete(conn, new, '"new"') == 1


async def test_a_result_from_before_a_rescue_and_a_requeue_is_refused(conn: Conn) -> None:
    (task,) = await enqueue(conn, max_retries=0)
    old_worker = await add_worker(conn)
    old = await claim(conn, old_worker)
    await make_late(conn, old_worker)
    await rescue_all(conn)
    assert await status(conn, task) == "failed"
    assert await actions.requeue(conn, task, by="lisa") == "default"
    assert await complete(conn, old, '"old"') == 0
    assert await status(conn, task) == "pending"
    new = await claim(conn, await add_worker(conn))
    assert await complete(conn, old, '"old"') == 0
    assert await complete(conn, new, '"new"') == 1
    assert (await attempts(conn, task))[-1] == (1, True, "completed", '"new"', None)


@pytest.mark.parametrize("old_first", [True, False])
async def test_old_and_new_claims_of_one_task_in_one_batch_are_told_apart(
    conn: Conn, old_first: bool
) -> None:
    await enqueue(conn, 3)
    worker = await add_worker(conn)
    first, old, last = await claim(conn, worker, 3)
    await worker_verbs.settle(conn, [ended_as(old.id, old.token, Retry(0.0, "again"))])
    (new,) = await claim(conn, worker)
    done = [first, old, new, last] if old_first else [first, new, old, last]
    ids, tokens = [one.id for one in done], [one.token for one in done]
    results = ['"first"', *(['"old"', '"new"'] if old_first else ['"new"', '"old"']), '"last"']
    assert await worker_verbs.complete(conn, ids, tokens, results, [0.1] * 4) == 3
    for task, number, result in ((first, 1, '"first"'), (new, 2, '"new"'), (last, 1, '"last"')):
        assert (await attempts(conn, task.id))[-1] == (number, True, "completed", result, None)


async def test_a_repeated_commit_is_known_as_our_own(conn: Conn) -> None:
    ids = await enqueue(conn, 3)
    worker = await add_worker(conn)
    claims = await claim(conn, worker, 3)
    await complete(conn, claims[:2])
    await worker_verbs.settle(conn, [ended_as(ids[2], claims[2].token, Retry(60.0, "later"))])
    assert await complete(conn, claims[:2]) == 0
    tokens = [held.token for held in claims]
    assert await worker_verbs.find_own_attempts(conn, ids, tokens) == set(ids)
    assert await worker_verbs.find_own_attempts(conn, ids, [worker] * 3) == set()


async def test_completion_and_rescue_race_to_one_winner(connections: Connections) -> None:
    worker_side, rescuer_side = await connections(2)
    count = tries(800)
    ids = await enqueue(worker_side, count)
    worker = await add_worker(worker_side)
    claims = await claim(worker_side, worker, count)
    await make_late(worker_side, worker)

    async def finish() -> int:
        done = 0
        for start in range(0, count, 10):
            done += await complete(worker_side, claims[start : start + 10])
        return done

    done, rescued = await asyncio.gather(finish(), rescue_all(rescuer_side, limit=20))
    assert done + len(rescued) == count
    for task in rescued:
        assert await status(worker_side, task) == "pending"
    row = await maybe_row(
        worker_side, "SELECT count(*) FROM lapinq_attempts WHERE final AND outcome = 'completed'"
    )
    assert row == (done,)
    assert set(rescued) < set(ids) or done == 0


async def test_of_each_completion_that_races_with_a_rescue_one_wins(connections: Connections) -> None:
    worker_side, rescuer_side = await connections(2)
    ids = await enqueue(worker_side, tries(200))
    claims = await claim(worker_side, await add_worker(worker_side), 200)

    async def finish(held: Claim, round_trips: int) -> int:
        for _ in range(round_trips):
            await worker_side.execute("SELECT 1")
        return await complete(worker_side, [held])

    winners: Counter[str] = Counter()
    for number, held in enumerate(claims):
        await worker_side.execute(
            "UPDATE lapinq_running SET deadline_at = lapinq_now() - interval '1 second' WHERE id = %s",
            (held.id,),
        )
        # The rescue takes a few round trips, so the completion comes before, within and after it.
        done, rescued = await asyncio.gather(
            finish(held, number % 5), rescuing.rescue(rescuer_side, ANY_TIME, 0.5)
        )
        assert (done, list(rescued)) in [(1, []), (0, [held.id])]
        winners["completion" if done else "rescue"] += 1
    assert len(winners) == 2, winners
    cursor = await worker_side.execute("SELECT status, count(*) FROM lapinq_task_details GROUP BY status")
    assert dict(await cursor.fetchall()) == {"completed": winners["completion"], "pending": winners["rescue"]}
    await check_rows(rescuer_side, ids)
