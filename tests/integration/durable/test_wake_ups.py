"""No wake-up is lost, in whatever order those who suspend a task and those who wake it go on.

Each statement of one may come between any two of the other, and both commits at the same moment.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import combinations
from typing import Any, Literal

import pytest
from psycopg.errors import SerializationFailure

from lapinq_core.db.rows import first_value
from lapinq_core.domain.ids import new_ids
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Release, decide
from lapinq_core.domain.tasks.durable.messages import Row, Wait
from lapinq_core.domain.tasks.outcome import Suspended
from lapinq_core.durable import steps
from lapinq_core.durable.steps import Held
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn, Connections, add_worker, claim, complete, enqueue
from tests.support.tries import tries

Isolation = Literal["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
Verb = Callable[[], Awaitable[Any]]

SIGNAL = "approved"
ORDERS = [
    "".join("s" if place in senders else "w" for place in range(6)) for senders in combinations(range(6), 3)
]
"""All ways to mix three statements of the worker with three of the sender."""


class Race:
    """A claimed task, its worker's connection, and the connection of the sender that may wake it."""

    def __init__(self, worker: Conn, sender: Conn, looking: Conn, held: Claim) -> None:
        self.worker, self.sender, self.looking = worker, sender, looking
        self.held = held
        self.answer: Row | None = None

    async def wait(self, wait: Wait) -> None:
        (answer,) = await steps.wait(self.worker, [(Held(self.held.id, self.held.token), wait)])
        assert isinstance(answer, Row)
        self.answer = answer

    async def settle(self) -> None:
        """If it has nothing to go on with."""
        assert self.answer is not None
        if self.answer.outcome is None:
            await suspend(self.worker, [self.held])

    async def commit(self) -> None:
        await self.worker.execute("COMMIT")

    async def goes_on(self) -> bool:
        """Whether it has what it waits for, or looks for it."""
        assert self.answer is not None
        return self.answer.outcome is not None or await looks_again(self.looking, self.held.id)


async def is_ready(conn: Conn, task_id: str) -> bool:
    return await first_value(conn, "SELECT EXISTS (SELECT FROM lapinq_ready WHERE id = %s)", (task_id,))


async def looks_again(conn: Conn, task_id: str) -> bool:
    """Whether a task is ready, or is soon, as the end of the one that it waits for might not be told."""
    soon = "SELECT due_at < lapinq_now() + interval '5 seconds' FROM lapinq_delayed WHERE id = %s"
    return await is_ready(conn, task_id) or bool(await first_value(conn, soon, (task_id,)))


async def suspend(conn: Conn, claims: list[Claim]) -> None:
    """As the worker settles a suspended attempt."""
    following = decide(claims[0].policy, claims[0].attempt, Suspended("waits"), 0.5)
    assert isinstance(following, Release)
    ended = [ended_as(held.id, held.token, following, 0.1) for held in claims]
    assert (await worker_verbs.settle(conn, ended))[0] == len(claims)


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
async def test_a_signal_wakes_its_task_in_whatever_order_both_go_on(
    connections: Connections, isolation: Isolation
) -> None:
    worker, sender, looking = await connections(3)
    for order, held in zip(ORDERS, await claims_of(looking, len(ORDERS)), strict=True):
        race = Race(worker, sender, looking, held)

        async def snapshot() -> None:
            await sender.execute(f"BEGIN ISOLATION LEVEL {isolation}")
            await sender.execute("SELECT count(*) FROM lapinq_delayed")

        async def send(race: Race = race) -> None:
            assert await steps.signal(sender, race.held.id, SIGNAL, "1") == "sent"

        async def settle(race: Race = race) -> None:
            await worker.execute("BEGIN")
            await race.settle()

        await in_order(
            order,
            [lambda race=race: race.wait(Wait(SIGNAL, 0, "signal", None, [SIGNAL])), settle, race.commit],
            again_if_not_serializable(sender, isolation, snapshot, send),
        )
        assert await race.goes_on(), order


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
async def test_the_end_of_a_task_wakes_who_waits_for_it_in_whatever_order_both_go_on(
    connections: Connections, isolation: Isolation
) -> None:
    worker, sender, looking = await connections(3)
    children = await enqueue_children(looking, len(ORDERS))
    held_children = {one.id: one for one in await claims_here(looking, len(ORDERS))}
    for order, held, child in zip(ORDERS, await claims_of(looking, len(ORDERS)), children, strict=True):
        race = Race(worker, sender, looking, held)

        async def snapshot() -> None:
            await sender.execute(f"BEGIN ISOLATION LEVEL {isolation}")
            await sender.execute("SELECT count(*) FROM lapinq_delayed")

        async def end(child: str = child) -> None:
            assert await complete(sender, [held_children[child]], "7") == 1

        async def settle(race: Race = race) -> None:
            await worker.execute("BEGIN")
            await race.settle()

        await in_order(
            order,
            [
                lambda race=race, child=child: race.wait(Wait("child", 0, "task", None, child=child)),
                settle,
                race.commit,
            ],
            again_if_not_serializable(sender, isolation, snapshot, end),
        )
        assert await race.goes_on(), order


@pytest.mark.parametrize("first", ["worker", "sender"])
async def test_of_two_commits_at_once_the_later_sees_what_the_other_has_written(
    connections: Connections, first: str
) -> None:
    """Both wait for the row that they lock, in this order."""
    worker, sender, looking, holder = await connections(4)
    [held] = await claims_of(looking, 1)
    race = Race(worker, sender, looking, held)
    await race.wait(Wait(SIGNAL, 0, "signal", None, [SIGNAL]))
    await worker.execute("BEGIN")
    await race.settle()
    await sender.execute("BEGIN")
    await steps.signal(sender, held.id, SIGNAL, "1")
    await holder.execute("BEGIN")
    await holder.execute("SELECT lapinq_wake_1(ARRAY[%s::uuid])", (held.id,))
    commits: list[asyncio.Task[Any]] = []
    for one in [worker, sender] if first == "worker" else [sender, worker]:
        commits.append(asyncio.create_task(one.execute("COMMIT")))
        await eventually_async(lambda one=one: is_held_up(looking, one))
    await holder.execute("COMMIT")
    await asyncio.gather(*commits)
    assert await race.goes_on()


async def test_two_transactions_signal_the_same_tasks_in_different_orders(connections: Connections) -> None:
    """Both commit while somebody holds the lock of the first: neither holds the other's then."""
    one, other, looking, holder = await connections(4)
    first, second = sorted([held.id for held in await claims_of(looking, 2)])
    for sender, tasks in [(one, [first, second]), (other, [second, first])]:
        await sender.execute("BEGIN")
        for task_id in tasks:
            assert await steps.signal(sender, task_id, SIGNAL, "1") == "sent"
    await holder.execute("BEGIN")
    await holder.execute("SELECT lapinq_wake_1(ARRAY[%s::uuid])", (first,))
    commits: list[asyncio.Task[Any]] = []
    for sender in (one, other):
        commits.append(asyncio.create_task(sender.execute("COMMIT")))
        await eventually_async(lambda sender=sender: is_held_up(looking, sender))
    await holder.execute("COMMIT")
    await asyncio.gather(*commits)


async def test_no_wake_up_is_lost_where_many_suspend_and_are_woken_at_once(connections: Connections) -> None:
    """In batches, as a worker settles them."""
    worker, sender, looking = await connections(3)
    count = tries(400)
    held = sorted(await claims_of(looking, count), key=lambda one: one.id)
    asked = [(Held(one.id, one.token), Wait(SIGNAL, 0, "signal", None, [SIGNAL])) for one in held]
    await steps.wait(worker, asked)

    async def suspend_all() -> None:
        for start in range(0, count, 5):
            await suspend(worker, held[start : start + 5])

    async def signal_all() -> None:
        for start in range(0, count, 5):
            async with sender.transaction():
                for one in held[start : start + 5]:
                    await steps.signal(sender, one.id, SIGNAL, "1")

    await asyncio.gather(suspend_all(), signal_all())
    assert await first_value(looking, "SELECT count(*) FROM lapinq_ready") == count
    assert await first_value(looking, "SELECT count(*) FROM lapinq_delayed") == 0


# --- helpers ---


async def in_order(order: str, of_worker: list[Verb], of_sender: list[Verb]) -> None:
    """Each statement once the one before has ended, or waits for a lock, until the other connection gives it up."""
    waiting: asyncio.Task[Any] | None = None
    sides = {"w": iter(of_worker), "s": iter(of_sender)}
    blocked_side = ""
    later: list[Verb] = []
    for side in order:
        verb = next(sides[side])
        if waiting is not None and side == blocked_side:
            later.append(verb)
            continue
        running = asyncio.ensure_future(verb())
        done, _ = await asyncio.wait([running], timeout=0.5)
        if done:
            running.result()
        else:
            assert waiting is None, "a deadlock"
            waiting, blocked_side = running, side
            continue
        if waiting is not None and waiting.done():
            waiting.result()
            waiting = None
            for verb in later:
                await verb()
            later.clear()
    if waiting is not None:
        async with asyncio.timeout(10):
            await waiting
    for verb in later:
        await verb()


def again_if_not_serializable(conn: Conn, isolation: Isolation, begin: Verb, verb: Verb) -> list[Verb]:
    """A transaction of three statements, which a user repeats after a serialization error."""
    is_over = False

    async def repeat() -> None:
        nonlocal is_over
        assert isolation != "READ COMMITTED"
        is_over = True
        await conn.execute("ROLLBACK")
        async with conn.transaction():
            await verb()

    async def first() -> None:
        try:
            await verb()
        except SerializationFailure:
            await repeat()

    async def commit() -> None:
        try:
            if not is_over:
                await conn.execute("COMMIT")
        except SerializationFailure:
            await repeat()

    return [begin, first, commit]


async def claims_of(conn: Conn, count: int) -> list[Claim]:
    await enqueue(conn, count)
    return await claims_here(conn, count)


async def claims_here(conn: Conn, count: int) -> list[Claim]:
    return await claim(conn, await add_worker(conn, concurrency=count), count)


async def enqueue_children(conn: Conn, count: int) -> list[str]:
    return [(await enqueue(conn, id=task_id))[0] for task_id in new_ids(count, 8)]
