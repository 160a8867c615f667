"""Deletions and requeues of many against everybody else: each task is one's, and every count stays true."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import actions, bulk, worker_verbs
from lapinq_core.tasks.bulk import Change, Step
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import maintenance_jobs
from tests.integration.tasks.actions.test_bulk import fail, rows
from tests.support.database.invariants import check_invariants
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import (
    Conn,
    Connections,
    add_worker,
    claim,
    complete,
    counts,
    enqueue,
    status,
)
from tests.support.rows.walks import look_again, one_step


async def beside(
    first: Conn,
    second: Conn,
    looking: Conn,
    one: Callable[[], Awaitable[Any]],
    two: Callable[[], Awaitable[Any]],
) -> tuple[Any, Any]:
    """What `one` gives on `first`, and what `two` does on `second`, begun before the first commits.

    The first commits when the second is held up by it or has ended.
    """
    async with first.transaction():
        given = await one()
        ending = asyncio.ensure_future(two())

        async def met() -> bool:
            return ending.done() or await is_held_up(looking, second)

        await eventually_async(met)
    return given, await ending


def delete(conn: Conn, **chosen: Any) -> Callable[[], Awaitable[Step]]:
    return lambda: one_step(conn, bulk.delete_tasks, **chosen)


def requeue(conn: Conn, **chosen: Any) -> Callable[[], Awaitable[Step]]:
    return lambda: one_step(conn, bulk.requeue_tasks, status=Status.FAILED, **chosen)


def cancel(conn: Conn, **chosen: Any) -> Callable[[], Awaitable[Step]]:
    return lambda: one_step(conn, bulk.cancel_tasks, status=Status.PENDING, **chosen)


@pytest.mark.parametrize("chosen", [{}, {"status": Status.PENDING}])
async def test_a_task_claimed_from_under_a_deletion_is_running_and_stays(
    database: str, connections: Connections, chosen: dict[str, Any]
) -> None:
    one, two, looking = await connections(3)
    taken, other = await enqueue(looking, 2)
    worker = await add_worker(looking)
    held, step = await beside(one, two, looking, lambda: claim(one, worker), delete(two, **chosen))
    assert (step.done, step.running, step.left) == (1, 0, [taken])
    again = await look_again(two, bulk.delete_tasks, step.left, **chosen)
    assert (again.done, again.running, again.left) == (0, 0 if chosen else 1, [])
    assert (await status(looking, taken), await rows(looking, other)) == ("running", [])
    assert await complete(looking, held) == 1
    assert await counts(looking) == {"completed": 1}
    check_invariants(database, [taken])


async def test_a_task_deleted_from_under_a_claim_is_gone(database: str, connections: Connections) -> None:
    one, two, looking = await connections(3)
    await enqueue(looking, 2)
    worker = await add_worker(looking)
    step, held = await beside(one, two, looking, delete(one), lambda: claim(two, worker, 5))
    assert (step.done, held) == (2, [])
    assert await counts(looking) == {}
    check_invariants(database, [])


@pytest.mark.parametrize("chosen", [{}, {"status": Status.FAILED}])
async def test_a_task_requeued_from_under_a_deletion_is_looked_at_again(
    database: str, connections: Connections, chosen: dict[str, Any]
) -> None:
    one, two, looking = await connections(3)
    task, other = await fail(looking, 2)
    queue, step = await beside(
        one, two, looking, lambda: actions.requeue(one, task, by="lisa"), delete(two, **chosen)
    )
    assert (queue, step.done, step.left) == ("default", 1, [task])
    again = await look_again(two, bulk.delete_tasks, step.left, **chosen)
    assert await rows(looking, other) == []
    if chosen:
        assert (again.done, again.left) == (0, []), "it has not failed any more"
        assert await status(looking, task) == "pending"
        check_invariants(database, [task])
    else:
        assert (again.done, again.left) == (1, [])
        assert await rows(looking, task) == []
        check_invariants(database, [])


async def test_a_task_deleted_from_under_a_requeue_is_not_requeued(
    database: str, connections: Connections
) -> None:
    one, two, looking = await connections(3)
    task, _ = await fail(looking, 2)
    step, queue = await beside(one, two, looking, delete(one), lambda: actions.requeue(two, task, by="lisa"))
    assert (step.done, queue) == (2, None)
    assert await counts(looking) == {}
    check_invariants(database, [])


async def make_due(conn: Conn) -> list[str]:
    """Two tasks that wait for their time, which has come."""
    ids = await enqueue(conn, 2, scheduled_at="2099-01-01T00:00:00Z")
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now() - interval '1 s'")
    return ids


async def test_a_task_promoted_from_under_a_deletion_is_had_at_the_next_look(
    database: str, connections: Connections
) -> None:
    one, two, looking = await connections(3)
    ids = await make_due(looking)
    promoted, step = await beside(one, two, looking, lambda: maintenance_jobs.promote(one), delete(two))
    assert (promoted.moved, step.done, sorted(step.left)) == (2, 0, ids)
    again = await look_again(two, bulk.delete_tasks, step.left, status=Status.PENDING)
    assert (again.done, again.left) == (2, [])
    check_invariants(database, [])


async def test_a_task_claimed_from_under_a_cancelling_runs_on(
    database: str, connections: Connections
) -> None:
    one, two, looking = await connections(3)
    taken, other = await enqueue(looking, 2)
    worker = await add_worker(looking)
    held, step = await beside(one, two, looking, lambda: claim(one, worker), cancel(two))
    assert (step.done, step.left) == (1, [taken])
    again = await look_again(two, bulk.cancel_tasks, step.left, status=Status.PENDING)
    assert (again.done, again.left) == (0, [])
    assert (await status(looking, taken), await status(looking, other)) == ("running", "cancelled")
    assert await complete(looking, held) == 1
    assert await counts(looking) == {"completed": 1, "cancelled": 1}
    check_invariants(database, [taken, other])


async def test_a_task_cancelled_from_under_a_claim_does_not_run(
    database: str, connections: Connections
) -> None:
    one, two, looking = await connections(3)
    ids = await enqueue(looking, 2)
    worker = await add_worker(looking)
    step, held = await beside(one, two, looking, cancel(one), lambda: claim(two, worker, 5))
    assert (step.done, held) == (2, [])
    assert await counts(looking) == {"cancelled": 2}
    check_invariants(database, ids)


async def test_a_task_promoted_from_under_a_cancelling_is_had_at_the_next_look(
    database: str, connections: Connections
) -> None:
    one, two, looking = await connections(3)
    ids = await make_due(looking)
    promoted, step = await beside(one, two, looking, lambda: maintenance_jobs.promote(one), cancel(two))
    assert (promoted.moved, step.done, sorted(step.left)) == (2, 0, ids)
    again = await look_again(two, bulk.cancel_tasks, step.left, status=Status.PENDING)
    assert (again.done, again.left) == (2, [])
    check_invariants(database, ids)


async def test_a_task_deleted_from_under_a_promotion_is_gone(database: str, connections: Connections) -> None:
    one, two, looking = await connections(3)
    await make_due(looking)
    step, promoted = await beside(one, two, looking, delete(one), lambda: maintenance_jobs.promote(two))
    assert (step.done, promoted.moved) == (2, 0)
    check_invariants(database, [])


async def fail_late(conn: Conn) -> list[str]:
    """Two failed tasks past their time to live."""
    ids = await fail(conn, 2)
    await conn.execute("UPDATE lapinq_tasks SET expires_at = lapinq_now() - interval '1 s'")
    return ids


@pytest.mark.parametrize("kind", ["delete", "requeue"])
async def test_what_the_clean_up_deletes_is_not_counted_by_others(
    database: str, connections: Connections, kind: str
) -> None:
    one, two, looking = await connections(3)
    ids = await fail_late(looking)
    act, change = (delete, bulk.delete_tasks) if kind == "delete" else (requeue, bulk.requeue_tasks)
    cleaned, step = await beside(one, two, looking, lambda: maintenance_jobs.cleanup(one), act(two))
    assert (cleaned, step.done, sorted(step.left)) == (2, 0, ids)
    await enqueue(looking)
    again = await look_again(two, change, step.left, status=Status.FAILED)
    assert (again.done, again.left, again.looked) == (0, [], 0)
    assert await counts(looking) == {"pending": 1}
    check_invariants(database, [])


@pytest.mark.parametrize("kind", ["delete", "requeue"])
async def test_the_clean_up_leaves_alone_what_others_have(
    database: str, connections: Connections, kind: str
) -> None:
    one, two, looking = await connections(3)
    await fail_late(looking)
    act = (delete if kind == "delete" else requeue)(one)
    step, cleaned = await beside(one, two, looking, act, lambda: maintenance_jobs.cleanup(two))
    assert (step.done, cleaned) == (2, 0)
    assert await counts(looking) == ({} if kind == "delete" else {"pending": 2})
    check_invariants(database, [])


async def test_a_single_requeue_and_the_clean_up_agree(database: str, connections: Connections) -> None:
    one, two, looking = await connections(3)
    task, _ = await fail_late(looking)
    _, cleaned = await beside(
        one,
        two,
        looking,
        lambda: actions.requeue(one, task, by="lisa"),
        lambda: maintenance_jobs.cleanup(two),
    )
    assert cleaned == 1
    assert await counts(looking) == {"pending": 1}
    check_invariants(database, [task])


@pytest.mark.parametrize("first", [bulk.delete_tasks, bulk.requeue_tasks])
@pytest.mark.parametrize("second", [bulk.delete_tasks, bulk.requeue_tasks])
async def test_of_two_at_once_each_task_is_had_by_one(
    database: str, connections: Connections, first: Change, second: Change
) -> None:
    one, two, looking = await connections(3)
    ids = await fail(looking, 4)
    done, step = await beside(
        one,
        two,
        looking,
        lambda: one_step(one, first, status=Status.FAILED),
        lambda: one_step(two, second, status=Status.FAILED),
    )
    assert (done.done, step.done, sorted(step.left)) == (4, 0, ids)
    (other,) = await enqueue(looking)
    again = await look_again(two, second, step.left, status=Status.FAILED)
    assert (again.done, again.left) == (0, [])
    kept = [] if first is bulk.delete_tasks else ids
    assert await counts(looking) == {"pending": 1 + len(kept)}
    check_invariants(database, [other, *kept])


async def test_what_a_deletion_that_failed_had_is_had_by_the_next(
    database: str, connections: Connections
) -> None:
    one, two, looking = await connections(3)
    ids = await enqueue(looking, 3)
    async with one.transaction(force_rollback=True):
        assert (await one_step(one, bulk.delete_tasks)).done == 3
        step = await one_step(two, bulk.delete_tasks)
        assert sorted(step.left) == ids
    assert await counts(looking) == {"pending": 3}
    assert (await look_again(two, bulk.delete_tasks, step.left)).done == 3
    check_invariants(database, [])


@pytest.mark.parametrize("end", ["complete", "retry"])
async def test_what_ends_while_a_deletion_looks_was_running_for_it(
    database: str, connections: Connections, end: str
) -> None:
    one, two, looking = await connections(3)
    (task,) = await enqueue(looking)
    held = await claim(looking, await add_worker(looking))

    async def finish() -> Any:
        if end == "complete":
            return await complete(one, held)
        return await worker_verbs.settle(one, [ended_as(task, held[0].token, Retry(0.0, "later"))])

    _, step = await beside(one, two, looking, finish, delete(two))
    assert (step.done, step.running, step.left) == (0, 1, [])
    check_invariants(database, [task])
    assert (await one_step(two, bulk.delete_tasks)).done == 1
    check_invariants(database, [])
