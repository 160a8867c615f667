"""A request to stop that meets the end of what it is to stop: whichever commits first, both are heeded."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Fail, Next, Release, Retry
from lapinq_core.fleet import workers
from lapinq_core.tasks import actions, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import rescuing
from tests.support.database.invariants import check_rows
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
    make_late,
    status,
)
from tests.support.rows.rescue import ANY_TIME
from tests.support.tries import tries

End = Callable[[Conn, Claim], Awaitable[Any]]


def ends_in(following: Next) -> End:
    return lambda conn, held: worker_verbs.settle(conn, [ended_as(held.id, held.token, following)])


ENDS: list[tuple[End, Any, str]] = [
    (ends_in(Retry(0.0, "again")), (1, []), "cancelled"),
    (ends_in(Release("stopping")), (1, []), "cancelled"),
    (ends_in(Fail("no")), (1, []), "cancelled"),
    (lambda conn, held: worker_verbs.release(conn, [held]), set(), "cancelled"),
    (lambda conn, held: complete(conn, [held]), 1, "completed"),
]
"""Each, what it says of itself after a request, and what the task comes to."""


async def test_an_end_that_waits_for_a_request_under_way_heeds_it(connections: Connections) -> None:
    asking, worker_side, looking = await connections(3)
    worker = await add_worker(worker_side)
    for end, answer, outcome in ENDS:
        (task,) = await enqueue(worker_side)
        (held,) = await claim(worker_side, worker)
        async with asking.transaction():
            assert await actions.request_cancel(asking, task)
            ending = asyncio.ensure_future(end(worker_side, held))
            await eventually_async(lambda: is_held_up(looking, worker_side))
        assert await ending == answer
        assert await status(looking, task) == outcome
    assert await counts(looking) == {"cancelled": 4, "completed": 1}
    await check_rows(looking, [])


async def test_a_rescue_leaves_a_request_under_way_to_the_next_pass(connections: Connections) -> None:
    asking, rescuer = await connections(2)
    (task,) = await enqueue(rescuer)
    worker = await add_worker(rescuer)
    await claim(rescuer, worker)
    await make_late(rescuer, worker)
    await workers.declare_dead(rescuer, ANY_TIME)
    async with asking.transaction():
        assert await actions.request_cancel(asking, task)
        assert await rescuing.rescue(rescuer, ANY_TIME, 0.5) == {}
    assert await rescuing.rescue(rescuer, ANY_TIME, 0.5) == {task: None}
    assert await counts(rescuer) == {"cancelled": 1}
    await check_rows(rescuer, [task])


@pytest.mark.parametrize("kind", ["complete", "retry"])
async def test_of_a_request_and_an_end_that_race_the_answers_agree_with_the_outcome(
    connections: Connections, kind: str
) -> None:
    worker_side, asking = await connections(2)
    ids = await enqueue(worker_side, tries(150))
    claims = await claim(worker_side, await add_worker(worker_side), 150)

    async def end(held: Claim) -> object:
        if kind == "complete":
            return await complete(worker_side, [held])
        return await worker_verbs.settle(worker_side, [ended_as(held.id, held.token, Retry(3600.0, "later"))])

    async def ask(held: Claim, round_trips: int) -> bool:
        for _ in range(round_trips):
            await asking.execute("SELECT 1")
        return await actions.request_cancel(asking, held.id)

    seen: Counter[tuple[bool, str | None]] = Counter()
    for number, held in enumerate(claims):
        # The end goes out a round trip later than most requests, so each comes first many times.
        asked, ended = await asyncio.gather(ask(held, number % 3), end(held))
        assert ended in (1, (1, []))
        seen[asked, await status(worker_side, held.id)] += 1
    expected = (
        {(True, "completed"), (False, "completed")}
        if kind == "complete"
        else {(True, "cancelled"), (False, "pending")}
    )
    assert set(seen) <= expected
    assert {asked for asked, _ in seen} == {True, False}, seen
    await check_rows(asking, ids)
