"""Stopping and requeueing by hand, against workers that move the task at the same moment."""

import asyncio

from lapinq_core.domain.ids import new_id
from lapinq_core.domain.state import FINAL, Status
from lapinq_core.queue import steering, work
from lapinq_core.queue.steering import Stop
from lapinq_core.queue.work import Ended
from tests.integration.queue.test_inspect import one_of_each
from tests.support.eventually import eventually_async
from tests.support.factories import Conn, add_worker, claim, complete, enqueue, status
from tests.support.invariants import check_invariants
from tests.support.running import on_connections


def test_what_is_done_to_a_task_goes_by_its_status(database: str) -> None:
    async def test(conn: Conn) -> None:
        made = await one_of_each(conn)
        for also_running in (False, True):
            assert await steering.stop(conn, new_id(), also_running=also_running) == (Stop.REFUSED, None)
            for found in FINAL:
                answer = await steering.stop(conn, made[found], also_running=also_running)
                assert answer == (Stop.REFUSED, found)
        running = made[Status.RUNNING]
        assert await steering.stop(conn, running, also_running=False) == (Stop.REFUSED, Status.RUNNING)
        assert await steering.stop(conn, running, also_running=True) == (Stop.ASKED, Status.RUNNING)
        for found in set(Status) - {Status.FAILED}:
            assert await steering.requeue(conn, made[found]) == (None, found)
        assert await steering.requeue(conn, new_id()) == (None, None)
        assert await steering.requeue(conn, made[Status.FAILED]) == ("default", Status.PENDING)
        pending = made[Status.PENDING]
        assert await steering.stop(conn, pending, also_running=False) == (Stop.CANCELLED, Status.CANCELLED)

    on_connections(database, test)


def test_a_stop_that_meets_the_claim_of_the_task_reaches_it_all_the_same(database: str) -> None:
    """The claim holds the row while the stop looks for it among those that wait, and has it run then."""

    async def test(worker_conn: Conn, conn: Conn, watcher: Conn) -> None:
        [task_id] = await enqueue(conn)
        worker = await add_worker(conn)
        async with worker_conn.transaction():
            [held] = await claim(worker_conn, worker)
            stopping = asyncio.create_task(steering.stop(conn, task_id, also_running=True))
            await until_it_waits_for_a_lock(watcher, conn)
        assert await stopping == (Stop.ASKED, Status.RUNNING)
        assert await complete(conn, [held]) == 1
        assert await status(conn, task_id) == "completed"

    on_connections(database, test, 3)
    check_invariants(database, [])


def test_a_stop_that_meets_the_end_of_the_task_says_how_it_ended(database: str) -> None:
    async def test(worker_conn: Conn, conn: Conn, watcher: Conn) -> None:
        [task_id] = await enqueue(conn)
        held = await claim(conn, await add_worker(conn))
        async with worker_conn.transaction():
            assert await complete(worker_conn, held) == 1
            stopping = asyncio.create_task(steering.stop(conn, task_id, also_running=True))
            await until_it_waits_for_a_lock(watcher, conn)
        assert await stopping == (Stop.REFUSED, Status.COMPLETED)

    on_connections(database, test, 3)
    check_invariants(database, [])


def test_a_stop_that_meets_a_retry_of_the_task_cancels_it(database: str) -> None:
    """It looks for the row among those that run while the worker moves it back to those that wait."""

    async def test(worker_conn: Conn, conn: Conn, watcher: Conn) -> None:
        [task_id] = await enqueue(conn)
        [held] = await claim(conn, await add_worker(conn))
        async with worker_conn.transaction():
            ended = Ended(held.id, held.token, final=False, counts=True, delay=0, error="no")
            assert await work.settle(worker_conn, [ended]) == {task_id: "default"}
            stopping = asyncio.create_task(steering.stop(conn, task_id, also_running=True))
            await until_it_waits_for_a_lock(watcher, conn)
        assert await stopping == (Stop.CANCELLED, Status.CANCELLED)
        assert await status(conn, task_id) == "cancelled"

    on_connections(database, test, 3)
    check_invariants(database, [])


async def until_it_waits_for_a_lock(watcher: Conn, conn: Conn) -> None:
    async def waits() -> bool:
        query = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
        row = await (await watcher.execute(query, (conn.info.backend_pid,))).fetchone()
        return row is not None and bool(row[0])

    await eventually_async(waits)
