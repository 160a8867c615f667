"""Deletions, requeues and cancels of many against everybody else: each task is one's, and every count stays true."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import actions, bulk, worker_verbs
from lapinq_core.tasks.bulk import Change, Step
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import maintenance_jobs
from tests.integration.tasks.actions.test_bulk import fail, rows
from tests.support.database.invariants import check_rows
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn, Connections, add_worker, claim, complete, counts, enqueue
from tests.support.rows.walks import look_again, one_step


class Scene(NamedTuple):
    """Two tasks, or one that runs, and a worker."""

    ids: list[str]
    worker: str
    held: list[Claim]


async def ready(conn: Conn) -> Scene:
    return Scene(await enqueue(conn, 2), await add_worker(conn), [])


async def failed(conn: Conn) -> Scene:
    return Scene(await fail(conn, 2), await add_worker(conn), [])


async def failed_and_late(conn: Conn) -> Scene:
    """Past their time to live."""
    made = await failed(conn)
    await conn.execute("UPDATE lapinq_tasks SET expires_at = lapinq_now() - interval '1 s'")
    return made


async def due(conn: Conn) -> Scene:
    """They waited for their time, which has come."""
    ids = await enqueue(conn, 2, scheduled_at="2099-01-01T00:00:00Z")
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now() - interval '1 s'")
    return Scene(ids, await add_worker(conn), [])


async def running(conn: Conn) -> Scene:
    ids, worker = await enqueue(conn), await add_worker(conn)
    return Scene(ids, worker, await claim(conn, worker))


class Many(NamedTuple):
    """A step of a change of many tasks."""

    change: Change
    chosen: dict[str, Any]

    async def __call__(self, conn: Conn, _scene: Scene) -> Step:
        return await one_step(conn, self.change, **self.chosen)


DELETE = Many(bulk.delete_tasks, {})
DELETE_PENDING = Many(bulk.delete_tasks, {"status": Status.PENDING})
DELETE_FAILED = Many(bulk.delete_tasks, {"status": Status.FAILED})
REQUEUE = Many(bulk.requeue_tasks, {"status": Status.FAILED})
CANCEL = Many(bulk.cancel_tasks, {"status": Status.PENDING})


async def claim_one(conn: Conn, scene: Scene) -> int:
    return len(await claim(conn, scene.worker))


async def claim_all(conn: Conn, scene: Scene) -> int:
    return len(await claim(conn, scene.worker, 5))


async def complete_it(conn: Conn, scene: Scene) -> int:
    return await complete(conn, scene.held)


async def retry_it(conn: Conn, scene: Scene) -> int:
    (held,) = scene.held
    ours, _ = await worker_verbs.settle(conn, [ended_as(held.id, held.token, Retry(0.0, "later"))])
    return ours


async def requeue_one(conn: Conn, scene: Scene) -> int:
    return int(await actions.requeue(conn, scene.ids[0], by="lisa") is not None)


async def promote(conn: Conn, _scene: Scene) -> int:
    return (await maintenance_jobs.promote(conn)).moved


async def clean_up(conn: Conn, _scene: Scene) -> int:
    return await maintenance_jobs.cleanup(conn)


class Race(NamedTuple):
    """What is done to the tasks of `start` first, and what comes upon it before that commits: to how many tasks, which
    of them the second leaves for another look, how many it finds running, then the same of that look; and the counts in
    the end."""

    start: Callable[[Conn], Awaitable[Scene]]
    first: Callable[[Conn, Scene], Awaitable[int | Step]]
    done_first: int
    second: Callable[[Conn, Scene], Awaitable[int | Step]]
    done: int
    counts: dict[str, int]
    left: slice = slice(0)
    running: int = 0
    again: tuple[int, int] = (0, 0)


FIRST, BOTH = slice(1), slice(2)
RACES = {
    "claim, delete": Race(ready, claim_one, 1, DELETE, 1, {"running": 1}, FIRST, again=(0, 1)),
    "claim, delete pending": Race(ready, claim_one, 1, DELETE_PENDING, 1, {"running": 1}, FIRST),
    "delete, claim": Race(ready, DELETE, 2, claim_all, 0, {}),
    "requeue one, delete": Race(failed, requeue_one, 1, DELETE, 1, {}, FIRST, again=(1, 0)),
    "requeue one, delete failed": Race(failed, requeue_one, 1, DELETE_FAILED, 1, {"pending": 1}, FIRST),
    "delete, requeue one": Race(failed, DELETE, 2, requeue_one, 0, {}),
    "promote, delete": Race(due, promote, 2, DELETE, 0, {}, BOTH, again=(2, 0)),
    "promote, delete pending": Race(due, promote, 2, DELETE_PENDING, 0, {}, BOTH, again=(2, 0)),
    "delete, promote": Race(due, DELETE, 2, promote, 0, {}),
    "claim, cancel": Race(ready, claim_one, 1, CANCEL, 1, {"running": 1, "cancelled": 1}, FIRST),
    "cancel, claim": Race(ready, CANCEL, 2, claim_all, 0, {"cancelled": 2}),
    "promote, cancel": Race(due, promote, 2, CANCEL, 0, {"cancelled": 2}, BOTH, again=(2, 0)),
    "clean up, delete": Race(failed_and_late, clean_up, 2, DELETE, 0, {}, BOTH),
    "clean up, requeue": Race(failed_and_late, clean_up, 2, REQUEUE, 0, {}, BOTH),
    "delete, clean up": Race(failed_and_late, DELETE, 2, clean_up, 0, {}),
    "requeue, clean up": Race(failed_and_late, REQUEUE, 2, clean_up, 0, {"pending": 2}),
    "requeue one, clean up": Race(failed_and_late, requeue_one, 1, clean_up, 1, {"pending": 1}),
    "delete, delete": Race(failed, DELETE_FAILED, 2, DELETE_FAILED, 0, {}, BOTH),
    "delete, requeue": Race(failed, DELETE_FAILED, 2, REQUEUE, 0, {}, BOTH),
    "requeue, delete": Race(failed, REQUEUE, 2, DELETE_FAILED, 0, {"pending": 2}, BOTH),
    "requeue, requeue": Race(failed, REQUEUE, 2, REQUEUE, 0, {"pending": 2}, BOTH),
    "complete, delete": Race(running, complete_it, 1, DELETE, 0, {"completed": 1}, running=1),
    "retry, delete": Race(running, retry_it, 1, DELETE, 0, {"pending": 1}, running=1),
}


async def test_of_two_that_meet_each_task_is_had_by_one(connections: Connections) -> None:
    one, two, looking = await connections(3)
    for name, race in RACES.items():
        await meet(one, two, looking, race, name)
        await looking.execute(
            "TRUNCATE lapinq_tasks, lapinq_ready, lapinq_delayed, lapinq_running, lapinq_attempts, lapinq_counts"
        )


async def meet(one: Conn, two: Conn, looking: Conn, race: Race, name: str) -> None:
    """The first commits when the second is held up by it or has ended."""
    scene = await race.start(looking)
    async with one.transaction():
        first = await race.first(one, scene)
        ending = asyncio.ensure_future(race.second(two, scene))

        async def have_met() -> bool:
            return ending.done() or await is_held_up(looking, two)

        await eventually_async(have_met)
    second = await ending
    done = [step.done if isinstance(step, Step) else step for step in (first, second)]
    assert done == [race.done_first, race.done], name
    if isinstance(second, Step):
        assert isinstance(race.second, Many)
        assert (second.running, sorted(second.left)) == (race.running, scene.ids[race.left]), name
        await enqueue(looking, queue_name="other")
        if second.left:
            again = await look_again(two, race.second.change, second.left, **race.second.chosen)
            assert (again.done, again.running, again.left) == (*race.again, []), name
        assert await counts(looking, "other") == {"pending": 1}, name
    assert await counts(looking) == race.counts, name
    for task_id in scene.ids:
        assert (await rows(looking, task_id))[:1] in ([], ["tasks"]), "all of it is gone, or nothing"
    await check_rows(looking, [])


async def test_what_a_deletion_that_failed_had_is_had_by_the_next(connections: Connections) -> None:
    one, two, looking = await connections(3)
    ids = await enqueue(looking, 3)
    async with one.transaction(force_rollback=True):
        assert (await one_step(one, bulk.delete_tasks)).done == 3
        step = await one_step(two, bulk.delete_tasks)
        assert sorted(step.left) == ids
    assert await counts(looking) == {"pending": 3}
    assert (await look_again(two, bulk.delete_tasks, step.left)).done == 3
    await check_rows(looking, [])
