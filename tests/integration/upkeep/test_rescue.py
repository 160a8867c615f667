"""Rescuing: what a dead, gone or overdue worker held goes on, and starts stay counted."""

import asyncio

import pytest

from lapinq_core.db.moved_clock import clock_moved_by
from lapinq_core.db.rows import maybe_row
from lapinq_core.domain.figures import ALL_QUEUES, SPANS
from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.error_groups import groups
from lapinq_core.error_groups.groups import GroupFilter, GroupOrder
from lapinq_core.fleet import workers
from lapinq_core.fleet.workers import Health, Jump
from lapinq_core.tasks import actions
from lapinq_core.upkeep import rescuing
from lapinq_core.upkeep.rescuing import MAX_SUSPECTS
from tests.support.database.database_clock import database_time
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
from tests.support.rows.figures import sums
from tests.support.rows.rescue import rescue_all
from tests.support.tries import tries

HOUR = 3600.0


async def test_tasks_of_a_late_worker_or_of_one_nobody_knows_may_start_again_at_once(conn: Conn) -> None:
    ids = await enqueue(conn, 3, queue_name="video")
    dead, alive = await add_worker(conn), await add_worker(conn)
    await claim(conn, dead, 2, "video")
    await claim(conn, alive, 1, "video")
    await make_late(conn, dead)
    assert await rescue_all(conn) == {ids[0]: "video", ids[1]: "video"}
    assert await status(conn, ids[2]) == "running"
    again = await claim(conn, alive, 5, "video")
    assert [held.attempt for held in again] == [2, 2]
    beating = await conn.execute("UPDATE lapinq_workers SET beat_at = lapinq_now() WHERE dead_at IS NULL")
    assert beating.rowcount == 1, "dead stays dead"
    await conn.execute("DELETE FROM lapinq_workers")
    assert set(await rescue_all(conn)) == set(ids)


async def test_a_task_that_may_start_once_only_fails_with_its_worker(conn: Conn) -> None:
    (task,) = await enqueue(conn, max_retries=0)
    worker = await add_worker(conn, name="box-7")
    await claim(conn, worker)
    await make_late(conn, worker)
    assert await rescue_all(conn) == {task: None}
    assert await status(conn, task) == "failed"
    row = await maybe_row(conn, "SELECT error, attempt FROM lapinq_attempts WHERE final")
    assert row == ("worker 'box-7' was lost while it ran this task", 1)


async def test_losing_workers_uses_up_the_retries(conn: Conn) -> None:
    (task,) = await enqueue(conn, max_retries=2)
    for attempt in (1, 2, 3):
        worker = await add_worker(conn)
        (held,) = await claim(conn, worker)
        assert held.attempt == attempt
        await make_late(conn, worker)
        await rescue_all(conn)
    assert await status(conn, task) == "failed"


async def test_an_overdue_task_of_a_living_worker_is_timed_out(conn: Conn) -> None:
    (task,) = await enqueue(conn, max_retries=0)
    claims = await claim(conn, await add_worker(conn), lease=0.0)
    await rescue_all(conn)
    assert await status(conn, task) == "failed"
    error = await maybe_row(conn, "SELECT error FROM lapinq_attempts WHERE final")
    assert error is not None
    assert error[0].startswith("time limit of")
    assert await complete(conn, claims) == 0


async def test_a_rescue_waits_for_no_lock(connections: Connections) -> None:
    conn, other = await connections(2)
    ids = await enqueue(conn, 2)
    worker = await add_worker(conn)
    await claim(conn, worker, 2)
    await make_late(conn, worker)
    async with other.transaction():
        # As by a completion that is under way.
        await other.execute("SELECT FROM lapinq_running WHERE id = %s FOR UPDATE", (ids[0],))
        assert list(await rescue_all(conn)) == [ids[1]]
    assert list(await rescue_all(conn)) == [ids[0]]


async def test_many_rescuers_at_once_rescue_each_task_once(connections: Connections) -> None:
    conns = await connections(4)
    ids = await enqueue(conns[0], tries(300))
    worker = await add_worker(conns[0])
    await claim(conns[0], worker, 300)
    await make_late(conns[0], worker)
    await rescue_all(conns[0], limit=1)  # declares it dead
    shares = await asyncio.gather(*(rescue_all(conn, limit=25) for conn in conns))
    rescued = [task for share in shares for task in share]
    assert len(rescued) == len(set(rescued))
    for task in ids:
        assert await status(conns[0], task) == "pending"


async def test_of_many_that_were_lost_together_only_those_lost_before_are_isolated(conn: Conn) -> None:
    few, many = (
        await enqueue(conn, MAX_SUSPECTS, queue_name="few"),
        await enqueue(conn, MAX_SUSPECTS + 1, queue_name="many"),
    )

    async def lose(queue: str) -> None:
        worker = await add_worker(conn)
        assert await claim(conn, worker, 100, queue)
        await make_late(conn, worker)
        await rescue_all(conn)

    async def isolation(queue: str) -> set[int]:
        cursor = await conn.execute("SELECT isolation FROM lapinq_ready WHERE queue_name = %s", (queue,))
        return {row[0] for row in await cursor.fetchall()}

    await lose("few")
    await lose("many")
    assert await isolation("few") == {Isolation.ISOLATED}
    assert await isolation("many") == {Isolation.SUSPECTED}
    await enqueue(conn, 1, queue_name="many")
    await lose("many")
    assert await isolation("many") == {Isolation.SUSPECTED, Isolation.ISOLATED}
    assert len(few) < len(many)


async def test_what_fails_or_is_retried_with_its_worker_is_counted(conn: Conn) -> None:
    await enqueue(conn, 2, max_retries=0, queue_name="video")
    await enqueue(conn, 3, queue_name="video")
    (asked_to_stop,) = await enqueue(conn, max_retries=0, queue_name="video")
    await enqueue(conn, max_retries=0)
    worker = await add_worker(conn)
    await claim(conn, worker, 10, "video")
    await claim(conn, worker)
    await actions.request_cancel(conn, asked_to_stop)
    await make_late(conn, worker)
    assert len(await rescue_all(conn)) == 7
    assert await status(conn, asked_to_stop) == "cancelled"
    for span in SPANS:
        assert await sums(conn, "video", span) == (0, 0, 2, 0, 0)
        assert await sums(conn, "default", span) == (0, 0, 1, 0, 0)
        assert await sums(conn, ALL_QUEUES, span) == (0, 0, 3, 0, 0)
    cursor = await conn.execute(
        "SELECT queue_name, sum(retried)::int FROM lapinq_rollups WHERE span = 10 GROUP BY queue_name"
    )
    assert dict(await cursor.fetchall()) == {"video": 3, "default": 0, ALL_QUEUES: 3}
    errors, _ = await groups.list_groups(conn, GroupFilter(), GroupOrder.FAILED)
    assert [(each.queue_name, each.failed, each.retried) for each in errors] == [
        ("video", 2, 3),
        ("default", 1, 0),
    ]
    assert {each.kind for each in errors} == {"worker * was lost while it ran this task"}


@pytest.mark.parametrize("hours", [1, -1])
async def test_by_a_clock_that_has_just_jumped_nobody_is_late_and_nothing_overdue(
    conn: Conn, hours: int
) -> None:
    await enqueue(conn)
    await claim(conn, await add_worker(conn))
    expected = await database_time(conn)
    await conn.execute(clock_moved_by(hours * HOUR))
    assert await workers.declare_dead(conn, expected) == []
    assert await rescuing.rescue(conn, expected, 0.5) == {}


async def test_a_worker_that_has_not_beaten_since_the_clock_was_set_back_is_late(conn: Conn) -> None:
    silent, alive = await add_worker(conn), await add_worker(conn)
    await conn.execute(clock_moved_by(-HOUR))
    await beat(conn, alive)
    assert [dead for dead, _ in await workers.declare_dead(conn, await database_time(conn))] == [silent]


async def test_only_what_was_claimed_before_a_jump_is_overdue_later(conn: Conn) -> None:
    ids = await enqueue(conn, 3)
    worker, other = await add_worker(conn), await add_worker(conn)
    await claim(conn, worker, lease=1800.0)
    await claim(conn, other, lease=1800.0)
    at = await database_time(conn)
    await conn.execute(clock_moved_by(HOUR))
    await claim(conn, worker, lease=0.0)
    await workers.heartbeat(conn, worker, Health(), Jump(at, HOUR))
    await workers.heartbeat(conn, other, Health())
    assert set(await rescuing.rescue(conn, await database_time(conn), 0.5)) == set(ids[1:])
    await conn.execute(clock_moved_by(2 * HOUR))
    assert set(await rescuing.rescue(conn, await database_time(conn), 0.5)) == {ids[0]}
