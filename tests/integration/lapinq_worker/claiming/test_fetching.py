"""Taking tasks: woken before it polls, through broken connections, and never one task twice."""

# pyright: reportPrivateUsage=false

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lapinq_core.db.notify.notifier import notify, send
from lapinq_core.db.notify.ready_notices import packed
from lapinq_core.db.pool import PinnedConnection
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.tasks import worker_verbs
from lapinq_worker.claiming import full_scans, inbox, unanswered
from lapinq_worker.running.dispatcher import MAX_ISOLATED
from lapinq_worker.settling import settler
from lapinq_worker.worker import Worker
from tests.integration.lapinq_worker.desk import Desk, Gate, task_of, until
from tests.integration.limits.test_lanes import govern
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import claim
from tests.support.sample import tasks
from tests.support.sample.starts import starts

ENDLESS_SECONDS = 60.0


async def cut_connections(desk: Desk, name: str = "lapinq-worker%") -> None:
    await desk.conn.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE %s",
        (name,),
    )


def is_asleep(worker: Worker) -> bool:
    """Whether the fetcher waits for a wake-up, after the one that the listener gives when it has connected."""
    wake = worker._hints.wake
    return worker._listener.connected and bool(wake._waiters) and not wake.is_set()


def scans_of(worker: Worker) -> list[float]:
    """When it makes a full scan, from now on."""
    times = list[float]()
    scan = worker._fetcher._full_scans.scan

    async def noted(connection: PinnedConnection) -> Mapping[str, tuple[int, int]] | None:
        times.append(time.monotonic())
        return await scan(connection)

    worker._fetcher._full_scans.scan = noted
    return times


async def test_it_is_woken_before_it_polls(desk: Desk, tmp_path: Path) -> None:
    async with desk.working(worker_poll_interval=ENDLESS_SECONDS) as worker:
        await until(lambda: is_asleep(worker))
        task = await desk.hand_in(tasks.aadd, 1, 1)
        await asyncio.sleep(0.1)
        assert await desk.status(task) == "pending"
        await notify(desk.conn, ["default"])
        await desk.ended(task)
        await desk.hand_in(tasks.amark, str(tmp_path), "x", ttl_seconds=0)
        retried = await desk.hand_in(tasks.retry_once, str(tmp_path / "asked"), 0.0)
        await notify(desk.conn, ["default"])
        await until(lambda: starts(tmp_path))
        (ended,) = await desk.ended(retried)
        assert ended.attempts == 2, "a retry that may start at once does"
        await until(lambda: is_asleep(worker))
        due = datetime.now(UTC) + timedelta(seconds=0.5)
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1, scheduled_at=due))


async def test_without_being_woken_it_finds_the_work_by_polling_and_rarely_while_notifications_arrive(
    desk: Desk,
) -> None:
    async with desk.working() as worker:
        await asyncio.sleep(0.3)
        for name in ("default", "a b", "zü", "x" * 255):
            await desk.ended(await desk.hand_in(tasks.aadd, 1, 1, queue_name=name))

        def pause() -> float:
            return worker._fetcher._pause_after(1, 0)

        await until(lambda: pause() >= 0.75 * 0.5)  # it hears itself, as the process on duty
        scans = scans_of(worker)
        await asyncio.sleep(1.0)
        assert len(scans) <= 5
        worker._listener._heard_at = float("-inf")
        assert pause() == 0.05


async def test_it_scans_after_a_claim_only_if_the_notice_told_of_something_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full_scans, "SCAN_COST_FACTOR", 0.0)
    monkeypatch.setattr(settler, "BORROW_SECONDS", 600.0)
    async with desk.working(worker_poll_interval=ENDLESS_SECONDS) as worker:
        scans = scans_of(worker)
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))  # it knows the function
        for told, scanned in ((1, False), (2, True)):
            await until(lambda: is_asleep(worker))
            scans.clear()
            task = await desk.hand_in(tasks.aadd, 1, 1)
            await send(desk.conn, packed({"default": told}))
            await desk.ended(task)
            await until(lambda: is_asleep(worker))
            assert bool(scans) is scanned
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
        assert await desk.value(query, "lapinq-worker claim") == 1
        assert await desk.value(query, "lapinq-worker settle") == 0, "little is settled where it claims"


async def test_cut_connections_cost_no_task(desk: Desk) -> None:
    async with desk.working(worker_concurrency=8):
        ids = await desk.hand_in_many(
            [task_of((tasks.asleep, tasks.sleep)[n % 2], 0.02, max_retries=0) for n in range(200)]
        )
        running = asyncio.create_task(desk.ended(*ids))
        while not running.done():
            await asyncio.sleep(0.15)
            await cut_connections(desk)
            # Planning a claim on a new connection may take longer than that on a loaded machine.
            before = await desk.value("SELECT count(*) FROM lapinq_attempts")
            await desk.until("SELECT count(*) > %s OR count(*) = 200 FROM lapinq_attempts", before)
        ended = await running
    assert Counter((task.status, task.attempts) for task in ended) == {("completed", 1): 200}
    await check_rows(desk.conn, ids)


async def test_a_claim_whose_answer_was_lost_or_that_commits_late_is_asked_for_and_started_once(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unanswered, "ASK_AGAIN_SECONDS", 0.5)
    lost, late = str(uuid.uuid4()), str(uuid.uuid4())
    async with desk.working(worker_queues=("other",)) as worker:
        await until(lambda: worker._membership.is_member)
        ids = await desk.hand_in_many([task_of(tasks.amark, str(tmp_path), str(n), 0.8) for n in range(3)])
        await claim(desk.conn, worker._membership.id, 2, token=lost)
        worker._unanswered.sent(lost)
        async with desk.conn.transaction():
            await claim(desk.conn, worker._membership.id, 1, token=late)
            worker._unanswered.sent(late)
            await until(lambda: worker._unanswered.due() == [])
        ended = await desk.ended(*ids)
        assert not worker._unanswered
    assert {task.status for task in ended} == {"completed"}
    assert starts(tmp_path) == {"0": 1, "1": 1, "2": 1}
    await check_rows(desk.conn, ids)


async def test_what_was_claimed_ahead_behind_slow_tasks_runs_elsewhere(
    desk: Desk, gate: Gate, tmp_path: Path
) -> None:
    quick = [task_of(tasks.anoop) for _ in range(500)]
    slow = [task_of(tasks.await_at, gate.path) for _ in range(4)]
    after = [task_of(tasks.aadd, 1, 1, max_retries=0) for _ in range(20)]
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(desk.working(worker_concurrency=4))
        # A function that has yet to be found would start after those behind it.
        open_gate = Gate(tmp_path / "open")
        open_gate.open()
        known = [task_of(tasks.anoop), task_of(tasks.await_at, open_gate.path), task_of(tasks.aadd, 1, 1)]
        await desk.ended(*await desk.hand_in_many(known))
        ids = await desk.hand_in_many([*quick, *slow, *after])
        await gate.begun(4)
        await until(lambda: not first._dispatcher.waiting)
        await desk.until("SELECT count(*) = 20 AND sum(starts) = 0 FROM lapinq_ready")
        await stack.enter_async_context(desk.working(worker_concurrency=4))
        ended = await desk.ended(*ids[-20:])
        assert {(task.status, task.attempts) for task in ended} == {("completed", 1)}
        gate.open()
        await desk.ended(*ids[-24:-20])
    await check_rows(desk.conn, ids)


async def claim_ahead(desk: Desk, worker: Worker) -> tuple[list[str], list[Claim]]:
    """Ten tasks, and what the worker claims of them as if its tasks were quick."""
    waiting = await desk.hand_in_many([task_of(tasks.aadd, 1, 1, max_retries=0) for _ in range(10)])
    claims = await claim(desk.conn, worker._membership.id, 10)
    worker._inbox.take_in(claims, 0.01)
    return waiting, claims


async def test_a_worker_with_slow_tasks_holds_no_places_of_a_policy_that_another_could_use(
    desk: Desk, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "STALL_SECONDS", 600.0)
    async with desk.working(worker_concurrency=1) as first:
        slow = await desk.hand_in(tasks.await_at, gate.path)
        await gate.begun()
        await govern(desk.conn, max_running=2)
        waiting, claims = await claim_ahead(desk, first)
        assert [one.is_governed for one in claims] == [True], "all places that are left"
        async with desk.working():
            ended = await desk.ended(*waiting)
            assert {(task.status, task.attempts) for task in ended} == {("completed", 1)}
            assert not first._dispatcher.waiting
            gate.open()
            await desk.ended(slow)
    await check_rows(desk.conn, [slow, *waiting])


async def test_handing_back_is_repeated_until_it_succeeds(
    desk: Desk, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "STALL_SECONDS", 0.1)
    async with desk.working(worker_concurrency=1) as worker:
        await desk.hand_in(tasks.await_at, gate.path)
        await gate.begun()
        waiting, _ = await claim_ahead(desk, worker)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            await cut_connections(desk, "lapinq-worker claim")
            await asyncio.sleep(0.01)
        await desk.until("SELECT count(*) = 10 FROM lapinq_ready")
        gate.open()
        ended = await desk.ended(*waiting)
        assert {(task.status, task.attempts) for task in ended} == {("completed", 1)}


async def test_behind_a_slow_task_fire_and_forget_is_kept_and_what_expires_never_starts(
    desk: Desk, tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "STALL_SECONDS", 0.2)
    async with desk.working(worker_concurrency=1) as worker:
        await desk.hand_in(tasks.await_at, gate.path)
        await gate.begun()
        await desk.hand_in(tasks.amark, str(tmp_path), "x", ttl_seconds=0)
        worker._inbox.take_in((await worker_verbs.claim_transient(desk.conn, None, 1)).claims, 0.01)
        await asyncio.sleep(0.5)
        gate.open()
        await until(lambda: starts(tmp_path) == {"x": 1})

        monkeypatch.setattr(inbox, "STALL_SECONDS", 600.0)
        second = Gate(tmp_path / "second")
        await desk.hand_in(tasks.await_at, second.path)
        await second.begun()
        late = await desk.hand_in(tasks.amark, str(tmp_path), "late", ttl_seconds=0.3)
        began = time.perf_counter()
        claims = await claim(desk.conn, worker._membership.id)
        worker._inbox.take_in(claims, time.perf_counter() - began)
        await desk.until("SELECT expires_at <= lapinq_now() FROM lapinq_tasks WHERE id = %s", late)
        second.open()
        (ended,) = await desk.ended(late)
    assert (ended.status, ended.attempts) == ("expired", 0)
    assert starts(tmp_path) == {"x": 1}


async def test_isolated_tasks_for_which_there_is_no_place_wait_in_their_queue(desk: Desk, gate: Gate) -> None:
    alone = await desk.hand_in_many([task_of(tasks.wait_at, gate.path) for _ in range(MAX_ISOLATED + 3)])
    await desk.conn.execute("UPDATE lapinq_ready SET isolation = 2")
    profiled = await desk.hand_in_many([task_of(tasks.add, 1, 1, profile=True) for _ in range(3)])
    others = await desk.hand_in_many([task_of(tasks.add, 1, 1) for _ in range(3)])
    async with desk.working(worker_concurrency=4 * MAX_ISOLATED):
        await gate.begun(MAX_ISOLATED)
        await desk.ended(*others)
        await desk.until("SELECT count(*) = 6 FROM lapinq_ready WHERE isolation = 2")
        assert await desk.value("SELECT count(*) FROM lapinq_running") == MAX_ISOLATED
        gate.open()
        ended = await desk.ended(*alone, *profiled)
    assert {(task.status, task.attempts) for task in ended} == {("completed", 1)}
    assert await desk.value("SELECT count(*) FROM lapinq_attempts") == len(ended) + len(others)
