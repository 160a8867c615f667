"""Deleting and requeueing many tasks: which ones, in which steps, and what is noted."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.tasks.shown_state import DELAYED
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import bulk, inspect, worker_verbs
from lapinq_core.tasks.bulk import Batch, Change, Step, Walk
from lapinq_core.tasks.filters import TaskFilter, containing
from lapinq_core.tasks.worker_verbs import Ended
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.invariants import check_rows
from tests.support.rows import durable
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
from tests.support.rows.walks import ENTRY, one_step, steps


async def fail(conn: Conn, count: int, error: str = "ValueError: no", **values: Any) -> list[str]:
    """The ids of `count` tasks that have failed, after an attempt that was retried at once."""
    ids = await enqueue(conn, count, **values)
    worker = await add_worker(conn)
    for final in (False, True):
        held = sorted(
            await claim(conn, worker, count, values.get("queue_name", "default")), key=lambda one: one.id
        )
        assert [one.id for one in held] == ids
        await worker_verbs.settle(conn, [Ended(one.id, one.token, final, True, 0, error) for one in held])
    return ids


async def rows(conn: Conn, task_id: str) -> list[str]:
    """The tables in which anything of a task is left."""
    cursor = await conn.execute(
        "SELECT 'tasks' FROM lapinq_tasks WHERE id = %(id)s"
        " UNION ALL SELECT 'ready' FROM lapinq_ready WHERE id = %(id)s"
        " UNION ALL SELECT 'delayed' FROM lapinq_delayed WHERE id = %(id)s"
        " UNION ALL SELECT 'attempts' FROM lapinq_attempts WHERE task_id = %(id)s",
        {"id": task_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def noted(conn: Conn) -> list[dict[str, Any]]:
    """The details in the audit log."""
    return [row[0] for row in await all_rows(conn, "SELECT details FROM lapinq_audit ORDER BY id")]


async def begin(conn: Conn, **chosen: Any) -> Walk:
    walk = await bulk.begin(conn, TaskFilter(**chosen))
    assert walk is not None
    return walk


async def step_of(conn: Conn, change: Change, walk: Walk, batch: Batch, entry_id: int | None = None) -> Step:
    step = await change(conn, walk, batch, ENTRY, entry_id)
    assert step is not None
    return step


async def count(conn: Conn, walk: Walk) -> Step:
    step = await bulk.count_tasks(conn, walk, Batch(size=100))
    assert step is not None
    return step


async def test_a_deletion_takes_all_but_what_is_running_narrowed_by_status(conn: Conn) -> None:
    left, right = await one_of_each(conn, "left"), await one_of_each(conn, "right")
    kept = {*left.values(), *right.values()}
    for wanted in Status:
        chosen = {"status": wanted, "queue": "left", "task_name": containing("D")}
        step = await one_step(conn, bulk.delete_tasks, **chosen)
        gone = wanted is not Status.RUNNING
        assert (step.done, step.running) == (int(gone), int(not gone)), wanted
        kept -= {left[wanted]} if gone else set()
        await check_rows(conn, kept)
    step = await one_step(conn, bulk.delete_tasks, status=Status.FAILED)
    assert (step.done, step.running) == (1, 0)
    step = await one_step(conn, bulk.delete_tasks, status=Status.RUNNING)
    assert (step.done, step.running) == (0, 2)
    step = await one_step(conn, bulk.delete_tasks)
    assert (step.done, step.running, step.left, step.queues) == (4, 2, [], [])
    for made in (left, right):
        assert await status(conn, made.pop(Status.RUNNING)) == "running"
        assert [await rows(conn, task_id) for task_id in made.values()] == [[]] * 5
    assert await counts(conn, "left") == await counts(conn, "right") == {"running": 1}
    await check_rows(conn, [])


async def test_a_deletion_takes_the_steps_along(conn: Conn) -> None:
    ids = await enqueue(conn, 2)
    for held in await claim(conn, await add_worker(conn), 2):
        await durable.step(conn, held, "charge")
        await durable.wait_for(conn, held, "approved")
        await durable.suspend(conn, held)
    assert (await one_step(conn, bulk.delete_tasks, last=ids[0])).done == 1
    found = await all_rows(conn, "SELECT DISTINCT task_id::text FROM lapinq_steps")
    assert found == [(ids[1],)]


NOTHING: set[str] = set()
CONTENT: list[tuple[dict[str, Any], set[str]]] = [
    ({"args": containing("NEED%7")}, {"args"}),
    ({"args": containing("needle%8")}, NOTHING),
    ({"result": containing("one\\_two")}, {"result"}),
    ({"result": containing("one_two"), "status": Status.COMPLETED}, {"result", "plain"}),
    ({"result": containing("one_two"), "status": Status.FAILED}, NOTHING),
    ({"result": containing("one_two"), "status": Status.PENDING}, NOTHING),
    ({"error": containing("TIMED"), "queue": "default", "task_name": containing("ad")}, {"error"}),
    ({"error": containing("timed"), "queue": "other"}, NOTHING),
    ({"error": containing("timed"), "args": containing("needle")}, NOTHING),
    ({"task_name": containing("sub%X")}, {"name"}),
    ({"task_name": containing("b_\\_")}, {"name"}),
    ({"task_name": containing("b\\_")}, NOTHING),
    ({"task_name": containing("\\")}, {"name"}),
    ({"task_name": containing("_\\\\x")}, {"name"}),
    ({"error": containing("'; DROP TABLE lapinq_tasks; --")}, NOTHING),
]


async def test_content_narrows_lists_counts_and_deletions_alike(conn: Conn) -> None:
    ids = {
        "args": (await enqueue(conn, args=["needle", 7]))[0],
        "name": (await enqueue(conn, task_name="Sub%_\\x"))[0],
        "error": (await fail(conn, 1, "TimeLimit: timed out", queue_name="default", priority=1))[0],
    }
    for name, result in (("result", '"one_two"'), ("plain", '"one two"')):
        [ids[name]] = await enqueue(conn, priority=2)
        held = await claim(conn, await add_worker(conn), 1)
        assert [one.id for one in held] == [ids[name]]
        await complete(conn, held, result)
    for chosen, expected in CONTENT:
        wanted = {ids[name] for name in expected}
        objects, _ = await inspect.list_tasks(conn, TaskFilter(**chosen), 50)
        assert {text[7:43] for text in objects} == wanted, chosen
        counted = await count(conn, await begin(conn, **chosen))
        assert (counted.done, counted.running) == (len(wanted), 0), chosen
        async with conn.transaction(force_rollback=True):
            assert (await one_step(conn, bulk.delete_tasks, **chosen)).done == len(wanted), chosen
            left = {task_id for task_id in ids.values() if await status(conn, task_id)}
            assert left == set(ids.values()) - wanted, chosen
            await check_rows(conn, left)


async def test_a_walk_takes_small_steps_and_leaves_alone_what_arrives_meanwhile(conn: Conn) -> None:
    assert await bulk.begin(conn, TaskFilter()) is None, "there is nothing to walk over"
    await enqueue(conn, 7)
    await enqueue(conn, 5, queue_name="other")
    walk = await begin(conn, queue="other")
    first = await step_of(conn, bulk.delete_tasks, walk, Batch(size=9))
    assert (first.done, first.looked) == (5, 9)
    (late,) = await enqueue(conn, queue_name="other")
    # Made before the newest, as by a machine whose clock is behind.
    old = "00000000-0000-7000-8000-000000000001"
    await enqueue(conn, id=old, queue_name="other")
    assert first.last is not None
    rest = await step_of(conn, bulk.delete_tasks, walk, Batch(size=9, after=first.last), first.entry_id)
    assert (rest.done, rest.looked) == (0, 4)
    again = await step_of(conn, bulk.delete_tasks, walk, Batch(size=99))
    assert (again.done, again.looked) == (0, 8)
    assert await counts(conn, "other") == {"pending": 2}
    await check_rows(conn, [old, late])


async def test_a_walk_begins_and_ends_at_the_first_and_the_last_that_can_pass(conn: Conn) -> None:
    ids = await enqueue(conn, 10)
    chosen: dict[str, Any] = {"first": ids[3], "last": ids[6]}
    step = await count(conn, await begin(conn, **chosen))
    assert (step.done, step.looked, step.last) == (4, 4, ids[6])
    assert (await count(conn, await begin(conn, first=bulk.FIRST))).looked == 10
    step = await step_of(conn, bulk.cancel_tasks, await begin(conn, **chosen), Batch(size=3))
    assert (step.done, step.looked, step.last) == (3, 3, ids[4]), "from the newest on"
    step = await step_of(conn, bulk.delete_tasks, await begin(conn, **chosen), Batch(size=9, after=ids[5]))
    assert (step.done, step.looked, step.last) == (2, 2, ids[3])


async def test_failed_tasks_wait_again_in_the_order_of_enqueueing_with_all_their_retries(conn: Conn) -> None:
    ids = await fail(conn, 30)
    made = await one_of_each(conn, "other")
    done = await steps(conn, bulk.requeue_tasks, 7, status=Status.FAILED, queue="default")
    assert sum(step.done for step in done) == 30
    assert {queue for step in done for queue in step.queues} == {"default"}
    assert await counts(conn) == {"pending": 30}
    assert await status(conn, made[Status.FAILED]) == "failed"
    held = await claim(conn, await add_worker(conn), 50)
    assert [(one.id, one.attempt) for one in held] == [(task_id, 1) for task_id in ids]
    first, second, running = await attempts(conn, ids[0])
    assert [shown["outcome"] for shown in (first, second, running)] == ["failed", "failed", "running"]
    assert [first["requeued_by"], second["requeued_by"]] == [None, ENTRY.actor]
    assert second["requeued_at"] >= second["finished_at"]
    await check_rows(conn, [*ids, *made.values()])


async def test_a_step_that_would_wait_for_long_changes_nothing_and_says_so(connections: Connections) -> None:
    conn, holding = await connections(2)
    (task,) = await enqueue(conn)
    walk = await begin(conn)
    async with holding.transaction():
        # Somebody holds on to what a step has to wait for.
        await holding.execute("SELECT FROM lapinq_ready WHERE id = %s FOR UPDATE", (task,))
        assert await bulk.delete_tasks(conn, walk, Batch(size=9), ENTRY) is None
    assert await noted(conn) == []
    assert (await step_of(conn, bulk.delete_tasks, walk, Batch(size=9))).done == 1


async def test_what_waits_for_its_time_starts_in_the_order_of_entry_and_nothing_else_moves(
    conn: Conn,
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    delayed = await enqueue(conn, 3, scheduled_at=later, priority=5)
    ready = await enqueue(conn, 2)
    walk = await begin(conn, status=Status.PENDING, states=DELAYED)
    assert (await count(conn, walk)).done == 3
    step = await step_of(conn, bulk.run_tasks, walk, Batch(size=9))
    assert (step.done, step.left, step.queues) == (3, [], ["default"])
    claims = await claim(conn, await add_worker(conn), limit=9)
    assert [one.id for one in claims] == [*delayed, *ready]
    assert (await noted(conn))[-1] == {"filters": {}, "released": 3}
    assert (await step_of(conn, bulk.run_tasks, walk, Batch(size=9))).done == 0
    await check_rows(conn, [*delayed, *ready])
