"""Stopping, requeueing and running now by hand, against workers that move the task at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg
import pytest

from lapinq_core.db.rows import first_value
from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.people import audit
from lapinq_core.people.audit import RecordedActor
from lapinq_core.people.audit_filters import AuditFilter
from lapinq_core.tasks import audited_actions, worker_verbs
from lapinq_core.tasks.audited_actions import Stop
from lapinq_core.tasks.worker_verbs import Ended
from lapinq_core.upkeep import maintenance_jobs
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.invariants import check_rows
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import (
    SOMEBODY,
    Conn,
    Connections,
    add_worker,
    attempts,
    claim,
    complete,
    enqueue,
    status,
)


async def test_what_is_done_to_a_task_goes_by_its_status(conn: Conn) -> None:
    made = await one_of_each(conn)
    for also_running in (False, True):
        answer = await audited_actions.stop(conn, new_id(), also_running=also_running, by=SOMEBODY)
        assert answer == (Stop.REFUSED, None)
        for found in FINAL:
            answer = await audited_actions.stop(conn, made[found], also_running=also_running, by=SOMEBODY)
            assert answer == (Stop.REFUSED, found)
    running = made[Status.RUNNING]
    answer = await audited_actions.stop(conn, running, also_running=False, by=SOMEBODY)
    assert answer == (Stop.REFUSED, Status.RUNNING)
    answer = await audited_actions.stop(conn, running, also_running=True, by=SOMEBODY)
    assert answer == (Stop.ASKED, Status.RUNNING)
    for found in set(Status) - {Status.FAILED}:
        assert await audited_actions.requeue(conn, made[found], by=SOMEBODY) == (None, found)
    assert await audited_actions.requeue(conn, new_id(), by=SOMEBODY) == (None, None)
    assert await audited_actions.requeue(conn, made[Status.FAILED], by=SOMEBODY) == (
        "default",
        Status.PENDING,
    )
    pending = made[Status.PENDING]
    answer = await audited_actions.stop(conn, pending, also_running=False, by=SOMEBODY)
    assert answer == (Stop.CANCELLED, Status.CANCELLED)


async def test_what_was_done_is_noted_and_what_was_not_is_not(conn: Conn) -> None:
    made = await one_of_each(conn, "mail")
    for task_id in (*made.values(), new_id()):
        for also_running in (False, True):
            await audited_actions.stop(conn, task_id, also_running=also_running, by=SOMEBODY)
        await audited_actions.requeue(conn, task_id, by=SOMEBODY)
    entries, _ = await audit.list_entries(conn, AuditFilter(), 50)
    assert [(entry.action, entry.target) for entry in reversed(entries)] == [
        ("task.cancel", made[Status.PENDING]),
        ("task.cancel_request", made[Status.RUNNING]),
        ("task.requeue", made[Status.FAILED]),
    ]
    for entry in entries:
        assert entry.details == {"queue": "mail", "task_name": "add"}
        assert entry.actor == RecordedActor(ActorKind.USER, 7, "lisa")
        assert (entry.address, entry.request_id) == ("203.0.113.9", "r-1")
    await check_rows(conn, [])


async def test_each_requeue_stays_with_the_attempt_after_which_it_was_made(conn: Conn) -> None:
    [task_id] = await enqueue(conn)
    worker = await add_worker(conn)
    for name in ("lisa", "otto"):
        [held] = await claim(conn, worker)
        await worker_verbs.settle(conn, [Ended(task_id, held.token, True, True, 0, "ValueError: no")])
        await audited_actions.requeue(conn, task_id, by=msgspec.structs.replace(SOMEBODY, actor=name))
    first, second = await attempts(conn, task_id)
    assert [first["requeued_by"], second["requeued_by"]] == ["lisa", "otto"]
    assert first["finished_at"] <= first["requeued_at"] <= second["started_at"] <= second["requeued_at"]
    await check_rows(conn, [])


async def test_what_can_not_be_noted_is_not_done(conn: Conn) -> None:
    made = await one_of_each(conn)
    await conn.execute("ALTER TABLE lapinq_audit ADD CONSTRAINT full_up CHECK (false)")
    for found in (Status.PENDING, Status.RUNNING):
        with pytest.raises(psycopg.errors.CheckViolation):
            await audited_actions.stop(conn, made[found], also_running=True, by=SOMEBODY)
    with pytest.raises(psycopg.errors.CheckViolation):
        await audited_actions.requeue(conn, made[Status.FAILED], by=SOMEBODY)
    assert {found: await status(conn, task_id) for found, task_id in made.items()} == {
        found: found.value for found in made
    }
    asked = "SELECT count(*) FROM lapinq_running WHERE cancel_requested_at IS NOT NULL"
    assert await first_value(conn, asked) == 0
    await check_rows(conn, [])


async def is_claimed(conn: Conn, worker: str, _held: list[Claim]) -> None:
    assert len(await claim(conn, worker)) == 1


async def is_completed(conn: Conn, _worker: str, held: list[Claim]) -> None:
    assert await complete(conn, held) == 1


async def is_retried(conn: Conn, _worker: str, held: list[Claim]) -> None:
    ended = [Ended(one.id, one.token, final=False, counts=True, delay=0, error="no") for one in held]
    assert await worker_verbs.settle(conn, ended) == (1, ["default"])


@pytest.mark.parametrize(
    ("move", "is_running", "answer"),
    [
        (is_claimed, False, (Stop.ASKED, Status.RUNNING)),
        (is_completed, True, (Stop.REFUSED, Status.COMPLETED)),
        (is_retried, True, (Stop.CANCELLED, Status.CANCELLED)),
    ],
)
async def test_a_stop_that_meets_a_move_of_the_task_finds_it_where_it_is_then(
    connections: Connections,
    move: Callable[[Conn, str, list[Claim]], Awaitable[None]],
    is_running: bool,
    answer: tuple[Stop, Status],
) -> None:
    """The move holds the row while the stop looks for it where the task was."""
    worker_conn, conn, watcher = await connections(3)
    [task_id] = await enqueue(conn)
    worker = await add_worker(conn)
    held = await claim(conn, worker) if is_running else []
    async with worker_conn.transaction():
        await move(worker_conn, worker, held)
        stopping = asyncio.create_task(audited_actions.stop(conn, task_id, also_running=True, by=SOMEBODY))
        await eventually_async(lambda: is_held_up(watcher, conn))
    assert await stopping == answer
    assert await status(conn, task_id) == answer[1]
    await check_rows(watcher, [])


async def test_what_waits_for_its_time_starts_in_the_order_in_which_it_was_run_now(conn: Conn) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    first, second = await enqueue(conn, 2, scheduled_at=soon)
    [ready] = await enqueue(conn)
    [urgent] = await enqueue(conn, priority=3, scheduled_at=soon)
    for task_id in (second, first, urgent):
        assert await audited_actions.run_now(conn, task_id, by=SOMEBODY) == ("default", Status.PENDING)
    assert await audited_actions.run_now(conn, first, by=SOMEBODY) == (None, Status.PENDING)
    taken = await claim(conn, await add_worker(conn), 10)
    assert [one.id for one in taken] == [urgent, ready, second, first]
    assert [one.attempt for one in taken] == [1, 1, 1, 1]
    await check_rows(conn, [])


async def test_a_retry_that_is_run_now_goes_on_counting(conn: Conn) -> None:
    [task_id] = await enqueue(conn)
    worker = await add_worker(conn)
    [held] = await claim(conn, worker)
    await worker_verbs.settle(
        conn, [Ended(held.id, held.token, final=False, counts=True, delay=600, error="no")]
    )
    assert await audited_actions.run_now(conn, task_id, by=SOMEBODY) == ("default", Status.PENDING)
    [again] = await claim(conn, worker)
    assert (again.id, again.attempt) == (task_id, 2)
    entries, _ = await audit.list_entries(conn, AuditFilter(target=task_id), 5)
    assert [(entry.action, entry.details) for entry in entries] == [
        ("task.run_now", {"queue": "default", "task_name": "add"})
    ]
    await check_rows(conn, [])


async def test_what_waits_for_no_time_is_not_run_now(conn: Conn) -> None:
    made = await one_of_each(conn)
    for found, task_id in made.items():
        assert await audited_actions.run_now(conn, task_id, by=SOMEBODY) == (None, found)
    assert await audited_actions.run_now(conn, new_id(), by=SOMEBODY) == (None, None)
    assert await audit.list_entries(conn, AuditFilter(action="task.run_now"), 5) == ([], None)
    await check_rows(conn, [])


async def test_a_task_that_falls_due_while_it_is_run_now_waits_once(connections: Connections) -> None:
    """The promotion holds the row while it is run now."""
    scheduler, conn, watcher = await connections(3)
    [task_id] = await enqueue(conn, scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    await conn.execute("UPDATE lapinq_delayed SET due_at = now() - interval '1 s'")
    async with scheduler.transaction():
        await maintenance_jobs.promote(scheduler)
        running = asyncio.create_task(audited_actions.run_now(conn, task_id, by=SOMEBODY))
        await eventually_async(lambda: is_held_up(watcher, conn))
    assert await running == (None, Status.PENDING)
    assert [one.id for one in await claim(conn, await add_worker(conn), 5)] == [task_id]
    await check_rows(watcher, [])
