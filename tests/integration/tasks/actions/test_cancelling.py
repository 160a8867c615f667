"""Asking for the stop of what runs: it never waits again, and nobody's successor is touched."""

import asyncio
from typing import Any

import pytest

from lapinq_core.db.rows import first_value
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.decide import Drop, Fail, Next, Release, Retry
from lapinq_core.fleet import workers
from lapinq_core.tasks import actions, worker_verbs
from lapinq_core.tasks.actions import CANCEL_CHANNEL
from lapinq_core.tasks.worker_verbs import Ended, ended_as
from tests.support.database.invariants import check_rows
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import (
    Conn,
    Connections,
    add_worker,
    attempts,
    beat,
    claim,
    complete,
    counts,
    enqueue,
    make_late,
    status,
)
from tests.support.rows.rescue import ANY_TIME, rescue_all


async def test_only_a_running_task_can_be_asked_to_stop(conn: Conn) -> None:
    done, waiting = await enqueue(conn, 2)
    assert not await actions.request_cancel(conn, done)
    held = await claim(conn, await add_worker(conn))
    assert await actions.request_cancel(conn, done)
    assert await actions.request_cancel(conn, done)
    await complete(conn, held)
    assert not await actions.request_cancel(conn, done)
    assert not await actions.request_cancel(conn, waiting)
    assert not await actions.request_cancel(conn, new_id())
    assert await counts(conn) == {"completed": 1, "pending": 1}


async def test_a_pending_cancel_does_not_reach_what_runs(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    await claim(conn, await add_worker(conn))
    assert not await actions.cancel(conn, task)
    assert await status(conn, task) == "running"


async def test_the_first_request_counts_and_shows(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    await claim(conn, await add_worker(conn))

    async def asked() -> Any:
        return await first_value(conn, "SELECT cancel_requested_at FROM lapinq_task_details")

    assert await asked() is None
    await actions.request_cancel(conn, task)
    first = await asked()
    assert first is not None
    await actions.request_cancel(conn, task)
    assert await asked() == first


async def test_the_worker_is_told_at_once_and_with_each_beat(connections: Connections) -> None:
    conn, listening = await connections(2)
    await listening.execute(f"LISTEN {CANCEL_CHANNEL}")  # pyright: ignore[reportArgumentType]  # a constant
    await enqueue(conn, 3)
    worker, other = await add_worker(conn), await add_worker(conn)
    one, two = await claim(conn, worker, 2)
    (theirs,) = await claim(conn, other)
    assert await beat(conn, worker) == []
    await actions.request_cancel(conn, two.id)
    await actions.request_cancel(conn, theirs.id)
    heard = [note.payload async for note in listening.notifies(timeout=10, stop_after=2)]
    assert heard == [f"{two.id} {two.token}", f"{theirs.id} {theirs.token}"]
    for _ in range(2):
        assert await beat(conn, worker) == [(two.id, two.token)]
    await complete(conn, [two])
    assert await beat(conn, worker) == []
    assert await beat(conn, other) == [(theirs.id, theirs.token)]
    assert one.id < two.id


async def test_a_dead_worker_is_told_nothing(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    worker = await add_worker(conn)
    await claim(conn, worker)
    await actions.request_cancel(conn, task)
    await make_late(conn, worker)
    await workers.declare_dead(conn, ANY_TIME)
    assert await beat(conn, worker) is None
    assert await beat(conn, new_id()) is None


ENDS: list[Next] = [
    Fail("ValueError: no", "trace"),
    Retry(0.0, "ValueError: no"),
    Retry(3600.0, "ValueError: no"),
    Release("the worker was stopped before the task finished"),
    Release("snoozed for 60 s", 60.0),
    Release(),
    Drop("cancelled by a person"),
]


@pytest.mark.parametrize(
    "following", ENDS, ids=lambda end: f"{type(end).__name__}-{getattr(end, 'delay', '')}"
)
@pytest.mark.parametrize("max_retries", [0, 3])
async def test_whatever_an_attempt_comes_to_it_ends_cancelled(
    conn: Conn, following: Next, max_retries: int
) -> None:
    asked, other = await enqueue(conn, 2, max_retries=max_retries)
    worker = await add_worker(conn)
    claims = await claim(conn, worker, 2)
    await actions.request_cancel(conn, asked)
    ended = ended_as(asked, claims[0].token, following, 0.5)
    # A neighbour in the same batch is not affected.
    beside = ended_as(other, claims[1].token, Release("stopping"))
    assert await worker_verbs.settle(conn, [ended, beside]) == (2, ["default"])
    assert (await status(conn, asked), await status(conn, other)) == ("cancelled", "pending")
    assert await counts(conn) == {"cancelled": 1, "pending": 1}
    (shown,) = await attempts(conn, asked)
    assert (shown["outcome"], shown["final"], shown["attempt"]) == ("cancelled", True, 1)
    assert shown["error"] == ended.error
    assert await worker_verbs.find_own_attempts(conn, [asked], [claims[0].token]) == {asked}
    assert [held.id for held in await claim(conn, worker, 5)] == [other]
    await check_rows(conn, [asked, other])


async def test_a_task_that_cancels_itself_needs_no_request(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    (held,) = await claim(conn, await add_worker(conn))
    end = ended_as(task, held.token, Drop("the order was withdrawn"), 0.5)
    assert await worker_verbs.settle(conn, [end]) == (1, [])
    (shown,) = await attempts(conn, task)
    assert (shown["outcome"], shown["error"]) == ("cancelled", "the order was withdrawn")
    assert await counts(conn) == {"cancelled": 1}
    assert await actions.requeue(conn, task, by="lisa") is None
    await check_rows(conn, [task])


async def test_an_end_told_as_cancelled_is_final_whatever_else_it_says(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    (held,) = await claim(conn, await add_worker(conn))
    muddled = Ended(task, held.token, False, True, 0.0, "stop", cancelled=True)
    assert await worker_verbs.settle(conn, [muddled]) == (1, [])
    assert await counts(conn) == {"cancelled": 1}
    await check_rows(conn, [task])


async def test_what_returns_before_its_worker_hears_of_the_request_is_completed(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    held = await claim(conn, await add_worker(conn))
    await actions.request_cancel(conn, task)
    assert await complete(conn, held, '"done"') == 1
    assert await status(conn, task) == "completed"
    assert await counts(conn) == {"completed": 1}
    await check_rows(conn, [task])


async def test_what_was_claimed_and_not_begun_ends_cancelled_without_a_start(conn: Conn) -> None:
    asked, other = await enqueue(conn, 2)
    worker = await add_worker(conn)
    claims = await claim(conn, worker, 2)
    await actions.request_cancel(conn, asked)
    assert await worker_verbs.release(conn, claims) == {"default"}
    (shown,) = await attempts(conn, asked)
    assert (shown["outcome"], shown["attempt"], shown["final"]) == ("cancelled", 0, True)
    assert await counts(conn) == {"cancelled": 1, "pending": 1}
    (left,) = await claim(conn, worker, 5)
    assert left.id == other
    await actions.request_cancel(conn, other)
    assert await worker_verbs.release(conn, [left]) == set(), "nobody is woken for nothing"
    await check_rows(conn, [asked, other])


@pytest.mark.parametrize("max_retries", [0, 3])
async def test_what_a_lost_worker_was_asked_to_stop_ends_cancelled(conn: Conn, max_retries: int) -> None:
    (task,) = await enqueue(conn, max_retries=max_retries)
    worker = await add_worker(conn, name="box-7")
    claims = await claim(conn, worker)
    await actions.request_cancel(conn, task)
    await make_late(conn, worker)
    assert await rescue_all(conn) == {task: None}
    (shown,) = await attempts(conn, task)
    assert shown["outcome"] == "cancelled"
    assert shown["error"] == "worker 'box-7' was lost while it ran this task"
    assert await complete(conn, claims) == 0
    assert await counts(conn) == {"cancelled": 1}
    await check_rows(conn, [task])


async def test_a_request_for_an_old_claim_never_touches_a_later_one(connections: Connections) -> None:
    worker_side, asking, looking = await connections(3)
    (task,) = await enqueue(worker_side)
    worker = await add_worker(worker_side)
    (old,) = await claim(worker_side, worker)
    async with worker_side.transaction():
        # The request finds the old lease locked, and when it may look again that is gone and a new one is there.
        await worker_verbs.settle(worker_side, [ended_as(task, old.token, Retry(0.0, "again"))])
        (new,) = await claim(worker_side, worker)
        assert new.id == task
        request = asyncio.ensure_future(actions.request_cancel(asking, task))
        await eventually_async(lambda: is_held_up(looking, asking))
    assert await request is False
    assert await beat(worker_side, worker) == []
    assert await complete(worker_side, [new]) == 1
    assert await status(worker_side, task) == "completed"
    await check_rows(looking, [task])


async def test_a_request_goes_with_the_lease_it_was_for(conn: Conn) -> None:
    ids = await enqueue(conn, 2)
    worker = await add_worker(conn)
    one, other = await claim(conn, worker, 2)
    await actions.request_cancel(conn, one.id)
    await complete(conn, [one])
    await worker_verbs.settle(conn, [ended_as(other.id, other.token, Retry(0.0, "again"))])
    (again,) = await claim(conn, worker)
    assert again.id == ids[1]
    assert await beat(conn, worker) == []
    cursor = await conn.execute("SELECT count(*) FROM lapinq_running WHERE cancel_requested_at IS NOT NULL")
    assert await cursor.fetchone() == (0,)
