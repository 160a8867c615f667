"""What runs in a user's transaction misses nothing that others commit meanwhile, whatever its isolation level.

It sees that, or it gets a serialization error and is run again. Signals and ends of tasks that others wait for are in
`test_wake_ups`, keys that are given up in `intake/unique/test_strict_transactions`.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
from psycopg.errors import ObjectNotInPrerequisiteState

from lapinq_core.db.rows import first_value
from lapinq_core.domain.ids import new_id, new_ids
from lapinq_core.domain.requests.workflows import NewWorkflow
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.unique import Unique
from lapinq_core.intake.enqueueing import enqueue
from lapinq_core.intake.idempotency import Asked
from lapinq_core.intake.idempotency import store as store_unique
from lapinq_core.limits import named_limits, policies
from lapinq_core.upkeep.rescuing import rescue
from lapinq_core.workflows import changing, storing
from tests.integration.durable.test_waits import own_step
from tests.integration.durable.test_wake_ups import (
    Isolation,
    Verb,
    again_if_not_serializable,
    in_order,
    is_ready,
    looks_again,
    suspend,
)
from tests.support.rows.durable import wait_for_task, waits
from tests.support.rows.factories import SOMEBODY, Conn, Connections, claim, complete, new_task
from tests.support.rows.rescue import ANY_TIME
from tests.support.rows.workflows import member


class Case(NamedTuple):
    """What the user's transaction does, what another one commits meanwhile, and what holds afterwards."""

    verb: Verb
    meanwhile: Verb
    holds: Callable[[], Awaitable[bool]]


class Graph(NamedTuple):
    """A workflow with two running tasks, and one after both."""

    id: str
    one: Claim
    other: Claim
    child: str


async def graph(conn: Conn, worker: str, *, is_open: bool = False) -> Graph:
    ids = new_ids(3, 8)
    tasks = [new_task(id=task_id) for task_id in ids]
    members = [member("a", tasks[0]), member("b", tasks[1]), member("c", tasks[2], "a", "b")]
    workflow = NewWorkflow(new_id(), "report", members, is_open=is_open)
    await storing.store(conn, workflow)
    one, other = sorted(await claim(conn, worker, 2), key=lambda held: ids.index(held.id))
    return Graph(workflow.id, one, other, ids[2])


async def workflow_is(conn: Conn, workflow_id: str, status: str) -> bool:
    return (
        await first_value(conn, "SELECT status FROM lapinq_workflows WHERE id = %s", (workflow_id,)) == status
    )


async def add_child(conn: Conn, workflow_id: str, parent: str, task_id: str) -> None:
    async with conn.transaction():
        await storing.add(conn, workflow_id, [member("new", new_task(id=task_id), parent)])


async def end_and_end_of_the_other_parent(user: Conn, other: Conn, worker: str) -> Case:
    its = await graph(other, worker)
    return Case(
        lambda: complete(user, [its.one]),
        lambda: complete(other, [its.other]),
        lambda: is_ready(other, its.child),
    )


async def end_and_a_new_child(user: Conn, other: Conn, worker: str) -> Case:
    its = await graph(other, worker)
    [new] = new_ids(1, 8)
    return Case(
        lambda: complete(user, [its.one]),
        lambda: add_child(other, its.id, "a", new),
        lambda: is_ready(other, new),
    )


async def a_new_child_and_end(user: Conn, other: Conn, worker: str) -> Case:
    its = await graph(other, worker)
    [new] = new_ids(1, 8)
    return Case(
        lambda: add_child(user, its.id, "a", new),
        lambda: complete(other, [its.one]),
        lambda: is_ready(other, new),
    )


async def last_end_and_close(user: Conn, other: Conn, worker: str) -> Case:
    workflow = NewWorkflow(new_id(), "report", [member("a", new_task(id=new_ids(1, 8)[0]))], is_open=True)
    await storing.store(other, workflow)
    held = await claim(other, worker)

    async def close() -> None:
        async with other.transaction():
            await changing.close(other, workflow.id)

    return Case(lambda: complete(user, held), close, lambda: workflow_is(other, workflow.id, "completed"))


async def end_and_cancel(user: Conn, other: Conn, worker: str) -> Case:
    its = await graph(other, worker)
    await complete(other, [its.other])
    return Case(
        lambda: complete(user, [its.one]),
        lambda: changing.cancel(other, its.id),
        lambda: workflow_is(other, its.id, "cancelled"),
    )


async def expiry_by_a_unique_key_and_who_waits(user: Conn, other: Conn, worker: str) -> Case:
    """The holder of the key is past its time to live, as nobody has noted yet."""
    [child] = new_ids(1, 8)
    new = [new_task(queue_name="mail", unique=Unique("k"))]
    holder = new_task(id=child, queue_name="mail", unique=Unique("k"), ttl_seconds=60)
    await store_unique(other, [Asked([holder])])
    await other.execute("UPDATE lapinq_ready SET expires_at = lapinq_now() - interval '1 second'")
    await enqueue(other, [new_task()])
    [parent] = await claim(other, worker)

    async def wait() -> None:
        assert waits(await wait_for_task(other, parent, child))
        await suspend(other, [parent])

    return Case(lambda: store_unique(user, [Asked(new)]), wait, lambda: looks_again(other, parent.id))


async def step_and_rescue(user: Conn, other: Conn, worker: str) -> Case:
    await enqueue(other, [new_task(max_retries=0)])
    [held] = await claim(other, worker)

    async def lose() -> None:
        await other.execute("DELETE FROM lapinq_workers")
        await rescue(other, ANY_TIME, 0.5)

    async def holds() -> bool:
        return await first_value(other, "SELECT count(*) FROM lapinq_steps") == 0

    return Case(lambda: own_step(user, held), lose, holds)


async def enqueue_and_a_policy(user: Conn, other: Conn, worker: str) -> Case:
    new = new_task(key="eva")

    async def holds() -> bool:
        return [held.id for held in await claim(other, worker)] == [new.id]

    return Case(
        lambda: enqueue(user, [new]),
        lambda: policies.change(other, "default", {"max_running_per_key": 1}, by=SOMEBODY),
        holds,
    )


async def enqueue_and_a_limit_that_goes(user: Conn, other: Conn, worker: str) -> Case:
    await named_limits.set_limit(other, "openai", 1, None, by=SOMEBODY)
    new = new_task(limits={"openai": 1})

    async def holds() -> bool:
        return [held.id for held in await claim(other, worker)] == [new.id]

    return Case(
        lambda: enqueue(user, [new]), lambda: named_limits.delete_limit(other, "openai", by=SOMEBODY), holds
    )


@pytest.mark.parametrize("order", ["swss", "ssws"])
@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize(
    "case",
    [
        end_and_end_of_the_other_parent,
        end_and_a_new_child,
        a_new_child_and_end,
        last_end_and_close,
        end_and_cancel,
        expiry_by_a_unique_key_and_who_waits,
        step_and_rescue,
        enqueue_and_a_policy,
        enqueue_and_a_limit_that_goes,
    ],
    ids=lambda case: case.__name__,
)
async def test_nothing_is_missed_that_others_commit_between_snapshot_and_commit(
    connections: Connections,
    worker: str,
    case: Callable[[Conn, Conn, str], Awaitable[Case]],
    isolation: Isolation,
    order: str,
) -> None:
    user, other = await connections(2)
    verb, meanwhile, holds = await case(user, other, worker)

    async def snapshot() -> None:
        await user.execute(f"BEGIN ISOLATION LEVEL {isolation}")
        await user.execute("SELECT count(*) FROM lapinq_tasks")

    try:
        await in_order(order, [meanwhile], again_if_not_serializable(user, isolation, snapshot, verb))
    except ObjectNotInPrerequisiteState:
        assert case is step_and_rescue
    assert await holds()
