"""Steps go with their task: at once if somebody deletes it, else by maintenance."""

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.domain.tasks.outcome import Cancelled, Unretryable
from lapinq_core.durable.steps import signal
from lapinq_core.upkeep import maintenance_jobs
from lapinq_core.upkeep.step_pruning import FIRST, StepPruning, prune
from lapinq_core.workflows import changing
from lapinq_core.workflows.reading import place_of
from tests.support.rows.durable import end, step, wait_for, waits
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue, new_task
from tests.support.rows.workflows import member, store


async def with_steps(conn: Conn, count: int, steps: int = 2) -> list[str]:
    """Tasks that have completed, with so many steps each."""
    ids = await enqueue(conn, count)
    claims = await claim(conn, await add_worker(conn), count)
    for held in claims:
        for number in range(steps):
            await step(conn, held, f"step {number}")
    await complete(conn, claims)
    return ids


async def left(conn: Conn) -> list[str]:
    return await first_value(
        conn, "SELECT array_agg(DISTINCT task_id::text ORDER BY task_id::text) FROM lapinq_steps"
    )


async def test_steps_of_tasks_that_are_gone_are_deleted(conn: Conn) -> None:
    ids = await with_steps(conn, 5)
    await conn.execute("DELETE FROM lapinq_tasks WHERE id = ANY (%s::uuid[])", (ids[1::2],))
    assert await prune(conn, limit=2) == (2, ids[1])
    assert await prune(conn, ids[1], limit=2) == (2, ids[3])
    assert await prune(conn, ids[3], limit=2) == (0, None)
    assert await left(conn) == ids[::2]


async def test_waits_and_signals_go_when_their_task_has_ended_for_good(conn: Conn) -> None:
    worker = await add_worker(conn)
    for outcome in (Cancelled("no"), Unretryable("no")):
        await enqueue(conn)
        [held] = await claim(conn, worker)
        await wait_for(conn, held, "packed")
        await step(conn, held, "charge")
        await signal(conn, held.id, "other", "1")
        await end(conn, held, outcome)
    assert await prune(conn) == (2, None)
    kept = await all_rows(conn, "SELECT kind, count(*) FROM lapinq_steps WHERE kind <> 'lock' GROUP BY kind")
    assert dict(kept) == {"step": 2, "signal": 1, "sent": 1}  # a failed task may be requeued


async def test_a_retry_of_a_workflow_finds_the_signals_of_what_it_reopens(database: str, conn: Conn) -> None:
    members = [
        member("fetch", new_task(), ttl_seconds=3600),
        member("publish", new_task(), "fetch"),
        member("report", new_task(), "fetch", after_failure="run"),
    ]
    retried, cancelled = [await store(conn, members) for _ in range(2)]
    for task_id in (*retried.values(), *cancelled.values()):
        await signal(conn, task_id, "go", "1")
    first, second = [await place_of(conn, ids["fetch"]) for ids in (retried, cancelled)]
    assert first is not None
    assert second is not None
    assert await changing.cancel(conn, second.workflow_id) == 3
    await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now()")
    assert await maintenance_jobs.expire(conn) == 1
    worker = await add_worker(conn)
    assert await complete(conn, await claim(conn, worker)) == 1
    assert await prune(conn) == (
        4,
        None,
    )  # those of the cancelled workflow, and of the report, which has completed
    async with conn.transaction():
        assert (await changing.retry(conn, first.workflow_id, by="lisa")).tasks == 3
    for ref in ("fetch", "publish"):
        held = next(one for one in await claim(conn, worker, 2) if one.id == retried[ref])
        assert not waits(await wait_for(conn, held, "go"))
        await complete(conn, [held])


async def test_a_walk_deletes_a_bounded_number_at_once(conn: Conn) -> None:
    ids = await with_steps(conn, 2, steps=3)
    await conn.execute("DELETE FROM lapinq_tasks")
    assert [await prune(conn, most_rows=4) for _ in range(2)] == [(4, FIRST), (2, None)]
    assert await left(conn) is None
    assert len(ids) == 2


async def test_a_walk_begins_again_after_its_end(conn: Conn) -> None:
    pruning = StepPruning()
    assert await pruning.turn(conn) is None
    await with_steps(conn, 1)
    await conn.execute("DELETE FROM lapinq_tasks")
    assert await pruning.turn(conn) is None
    assert await left(conn) is None
