"""Stopping, requeueing and running now by hand, against workers that move the task at the same moment."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg
import pytest

from lapinq_core.db.rows import first_value
from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import Status
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


async def test_what_is_done_to_a_task_goes_by_its_status_and_is_noted(conn: Conn) -> None:
    made = await one_of_each(conn, "mail")
    for found, task_id in [*made.items(), (None, new_id())]:
        assert await audited_actions.run_now(conn, task_id, by=SOMEBODY) == (None, found)
        if found is not Status.FAILED:
            assert await audited_actions.requeue(conn, task_id, by=SOMEBODY) == (None, found)
        if found is not Status.PENDING:
            answer = await audited_actions.stop(conn, task_id, also_running=False, by=SOMEBODY)
            assert answer == (Stop.REFUSED, found)
        if found not in {Status.PENDING, Status.RUNNING}:
            answer = await audited_actions.stop(conn, task_id, also_running=True, by=SOMEBODY)
            assert answer == (Stop.REFUSED, found)
    assert await audit.list_entries(conn, AuditFilter(), 50) == ([], None)

    answer = await audited_actions.stop(conn, made[Status.PENDING], also_running=False, by=SOMEBODY)
    assert answer == (Stop.CANCELLED, Status.CANCELLED)
    answer = await audited_actions.stop(conn, made[Status.RUNNING], also_running=True, by=SOMEBODY)
    assert answer == (Stop.ASKED, Status.RUNNING)
    assert await audited_actions.requeue(conn, made[Status.FAILED], by=SOMEBODY) == ("mail", Status.PENDING)
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


async def test_a_requeued_task_past_its_time_to_live_expires(conn: Conn) -> None:
    task_id = (await one_of_each(conn))[Status.FAILED]
    await conn.execute(
        "UPDATE lapinq_tasks SET expires_at = now() - interval '1 s' WHERE id = %s", (task_id,)
    )
    assert await audited_actions.requeue(conn, task_id, by=SOMEBODY) == ("default", Status.PENDING)
    assert await maintenance_jobs.expire(conn) == 1
    assert await status(conn, task_id) == "expired"
    await check_rows(conn, [])


async def test_what_can_not_be_noted_is_not_done(conn: Conn) -> None:
    made = await one_of_each(conn)
    await conn.execute("ALTER TABLE lapinq_audit ADD CONSTRAINT full_up CHECK (false)")
    for found in (Status.PENDING, Status.RUNNING):
        with pytest.raises(psycopg.errors.CheckViolation):
            await audited_actions.stop(conn, made[found], also_running=True, by=SOMEBODY)
    with pytest.raises(psycopg.errors.CheckViolation):
        await audited_actions.requeue(conn, made[Status.FAILED], by=SOMEBODY)
    for found, task_id in made.items():
        assert await status(conn, task_id) == found
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


async def test_a_stop_that_meets_a_move_of_the_task_finds_it_where_it_is_then(
    connections: Connections,
) -> None:
    """The move holds the row while the stop looks for it where the task was."""
    worker_conn, conn, watcher = await connections(3)
    worker = await add_worker(conn)
    for move, is_running, answer in (
        (is_claimed, False, (Stop.ASKED, Status.RUNNING)),
        (is_completed, True, (Stop.REFUSED, Status.COMPLETED)),
        (is_retried, True, (Stop.CANCELLED, Status.CANCELLED)),
    ):
        [task_id] = await enqueue(conn)
        held = await claim(conn, worker) if is_running else []
        async with worker_conn.transaction():
            await move(worker_conn, worker, held)
            stopping = asyncio.create_task(
                audited_actions.stop(conn, task_id, also_running=True, by=SOMEBODY)
            )
            await eventually_async(lambda: is_held_up(watcher, conn))
        assert await stopping == answer, move
        assert await status(conn, task_id) == answer[1], move
    await check_rows(watcher, [])


async def test_what_waits_for_its_time_starts_in_the_order_in_which_it_was_run_now(conn: Conn) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    first, second = await enqueue(conn, 2, scheduled_at=soon)
    [ready] = await enqueue(conn)
    [urgent] = await enqueue(conn, priority=3, scheduled_at=soon)
    for task_id in (second, first, urgent):
        assert await audited_actions.run_now(conn, task_id, by=SOMEBODY) == ("default", Status.PENDING)
    assert await audited_actions.run_now(conn, first, by=SOMEBODY) == (None, Status.PENDING)
    entries, _ = await audit.list_entries(conn, AuditFilter(target=first), 5)
    noted = [(entry.action, entry.details) for entry in entries]
    assert noted == [("task.run_now", {"queue": "default", "task_name": "add"})]
    worker = await add_worker(conn)
    taken = await claim(conn, worker, 10)
    assert [(one.id, one.attempt) for one in taken] == [(one, 1) for one in (urgent, ready, second, first)]

    # A retry goes on counting.
    retried = Ended(urgent, taken[0].token, final=False, counts=True, delay=600, error="no")
    await worker_verbs.settle(conn, [retried])
    assert await audited_actions.run_now(conn, urgent, by=SOMEBODY) == ("default", Status.PENDING)
    [again] = await claim(conn, worker)
    assert (again.id, again.attempt) == (urgent, 2)
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
