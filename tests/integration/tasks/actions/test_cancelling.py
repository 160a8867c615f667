"""Asking for the stop of what runs: it never waits again, and nobody's successor is touched."""

import asyncio

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


async def test_only_a_running_task_can_be_asked_to_stop_and_the_first_request_counts(conn: Conn) -> None:
    done, waiting = await enqueue(conn, 2)
    shown = "SELECT max(cancel_requested_at) FROM lapinq_task_details"
    assert not await actions.request_cancel(conn, done)
    held = await claim(conn, await add_worker(conn))
    assert not await actions.cancel(conn, done), "this is for those that wait"
    assert await first_value(conn, shown) is None
    assert await actions.request_cancel(conn, done)
    first = await first_value(conn, shown)
    assert await actions.request_cancel(conn, done)
    assert first is not None
    assert await first_value(conn, shown) == first
    await complete(conn, held)
    for task in (done, waiting, new_id()):
        assert not await actions.request_cancel(conn, task)
    assert await counts(conn) == {"completed": 1, "pending": 1}


async def test_the_worker_is_told_at_once_and_with_each_beat(connections: Connections) -> None:
    conn, listening = await connections(2)
    await listening.execute(f"LISTEN {CANCEL_CHANNEL}")  # pyright: ignore[reportArgumentType]  # a constant
    await enqueue(conn, 3)
    worker, other = await add_worker(conn), await add_worker(conn)
    _, two = await claim(conn, worker, 2)
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
    await make_late(conn, other)
    await workers.declare_dead(conn, ANY_TIME)
    assert await beat(conn, other) is None
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


async def test_whatever_an_attempt_comes_to_it_ends_cancelled(conn: Conn) -> None:
    worker = await add_worker(conn)
    for row in [(following, max_retries) for following in ENDS for max_retries in (0, 3)]:
        following, max_retries = row
        asked, other = await enqueue(conn, 2, max_retries=max_retries)
        claims = await claim(conn, worker, 2)
        await actions.request_cancel(conn, asked)
        ended = ended_as(asked, claims[0].token, following, 0.5)
        # A neighbour in the same batch is not affected.
        beside = ended_as(other, claims[1].token, Release("stopping"))
        assert await worker_verbs.settle(conn, [ended, beside]) == (2, ["default"]), row
        assert (await status(conn, asked), await status(conn, other)) == ("cancelled", "pending"), row
        (shown,) = await attempts(conn, asked)
        assert (shown["outcome"], shown["final"], shown["attempt"]) == ("cancelled", True, 1), row
        assert shown["error"] == ended.error, row
        assert await worker_verbs.find_own_attempts(conn, [asked], [claims[0].token]) == {asked}, row
        held = await claim(conn, worker, 5)
        assert [one.id for one in held] == [other], row
        await complete(conn, held)
    assert await counts(conn) == {"cancelled": 14, "completed": 14}
    await check_rows(conn, [])


async def test_a_task_that_cancels_itself_needs_no_request(conn: Conn) -> None:
    worker = await add_worker(conn)
    for whatever_else_it_says in (True, False):
        (task,) = await enqueue(conn)
        (held,) = await claim(conn, worker)
        end = Ended(task, held.token, whatever_else_it_says, True, 0.0, "withdrawn", cancelled=True)
        assert await worker_verbs.settle(conn, [end]) == (1, [])
        (shown,) = await attempts(conn, task)
        assert (shown["outcome"], shown["error"], shown["final"]) == ("cancelled", "withdrawn", True)
    assert await counts(conn) == {"cancelled": 2}
    await check_rows(conn, [])


async def test_what_was_claimed_and_not_begun_ends_cancelled_without_a_start(conn: Conn) -> None:
    asked, other = await enqueue(conn, 2)
    worker = await add_worker(conn)
    claims = await claim(conn, worker, 2)
    await actions.request_cancel(conn, asked)
    assert await worker_verbs.release(conn, claims) == {"default"}
    assert await counts(conn) == {"cancelled": 1, "pending": 1}
    (shown,) = await attempts(conn, asked)
    assert (shown["outcome"], shown["attempt"], shown["final"]) == ("cancelled", 0, True)
    (left,) = await claim(conn, worker, 5)
    assert left.id == other
    await actions.request_cancel(conn, other)
    assert await worker_verbs.release(conn, [left]) == set(), "nobody is woken for nothing"
    await check_rows(conn, [asked, other])


async def test_what_a_lost_worker_was_asked_to_stop_ends_cancelled(conn: Conn) -> None:
    ids = [*await enqueue(conn, max_retries=0), *await enqueue(conn, max_retries=3)]
    worker = await add_worker(conn, name="box-7")
    claims = await claim(conn, worker, 2)
    for task in ids:
        await actions.request_cancel(conn, task)
    await make_late(conn, worker)
    assert await rescue_all(conn) == dict.fromkeys(ids)
    for task in ids:
        (shown,) = await attempts(conn, task)
        assert shown["outcome"] == "cancelled"
        assert shown["error"] == "worker 'box-7' was lost while it ran this task"
    assert await complete(conn, claims) == 0
    assert await counts(conn) == {"cancelled": 2}
    await check_rows(conn, ids)


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
