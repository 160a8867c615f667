"""A worker in somebody else's program whose event loop is blocked: it releases its tasks and registers again."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from lapinq_worker.blocked_loop import handover
from tests.integration.lapinq_worker.desk import Desk, Gate, working
from tests.support.database.invariants import check_rows
from tests.support.database.proxy import proxy
from tests.support.eventually import eventually
from tests.support.sample import tasks

BLOCKED = {"timeout_seconds": 0.3, "max_retries": 0}

# Not where they are waited for: the log shows the source line that blocks the loop.
NOT_YET = "could not release the tasks yet"
GIVEN_UP = "could not write the outcomes of 1 tasks"


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_all_other_tasks_are_released_and_the_worker_registers_again(
    desk: Desk, gate: Gate, caplog: pytest.LogCaptureFixture, pool: str
) -> None:
    def are_released() -> bool:
        with psycopg.connect(desk.url) as conn:
            found = conn.execute("SELECT FROM lapinq_attempts WHERE outcome = 'released'").fetchall()
        return len(found) == 2

    BLOCK[:] = [lambda: eventually(are_released)]
    values: dict[str, Any] = {"worker_concurrency": 4, "worker_pool": pool, "time_limit_grace": 0.2}
    async with desk.working(**values):
        others = [await desk.hand_in(tasks.await_at, gate.path), await desk.hand_in(tasks.wait_at, gate.path)]
        await gate.begun(2)
        before = await desk.value("SELECT id::text FROM lapinq_workers")
        blocked = await desk.hand_in(block, **BLOCKED)
        (ended,) = await desk.ended(blocked)
        assert (ended.status, ended.error) == ("failed", "time limit of 0.3 s reached")
        await gate.begun(4)
        gate.open()
        for task in await desk.ended(*others):
            assert (task.status, task.attempts) == ("completed", 1)
        for task in others:
            assert [one.outcome for one in await desk.attempts(task)] == ["released", "completed"]
        assert await desk.value("SELECT id::text FROM lapinq_workers") != before
        (added,) = await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))
        assert added.result == "2"
    assert await desk.value("SELECT count(*) FROM lapinq_workers") == 0
    await check_rows(desk.conn, [*others, blocked])
    assert "the event loop has been blocked" in caplog.text
    assert "in block" in caplog.text


BLOCK = list[Callable[[], object]]()


async def block() -> None:
    """Blocks the loop until the test has seen what it waits for."""
    BLOCK[0]()


async def test_outcomes_that_children_reported_to_a_blocked_loop_are_kept(desk: Desk, gate: Gate) -> None:
    def end_the_other() -> None:
        gate.open()
        eventually(has_ended, 20)

    def has_ended() -> bool:
        with psycopg.connect(desk.url) as conn:
            found = conn.execute("SELECT FROM lapinq_attempts WHERE error LIKE 'time limit%'")
            return found.fetchone() is not None

    BLOCK[:] = [end_the_other]
    async with desk.working(worker_concurrency=2, time_limit_grace=0.2):
        other = await desk.hand_in(tasks.wait_at, gate.path, max_retries=0)
        await gate.begun()
        blocked = await desk.hand_in(block, timeout_seconds=2.0, max_retries=0)
        for task, status in zip(await desk.ended(blocked, other), ("failed", "completed"), strict=True):
            assert (task.status, task.attempts) == (status, 1)
        assert [one.outcome for one in await desk.attempts(other)] == ["completed"]
    await check_rows(desk.conn, [other, blocked])


async def test_outcomes_that_the_database_keeps_refusing_are_left_to_other_workers(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "GIVE_UP_SECONDS", 4.0)
    monkeypatch.setattr(handover, "BATCH_SECONDS", 1.0)

    def wait_in_vain() -> None:
        with psycopg.connect(desk.url) as conn:
            conn.execute("LOCK TABLE lapinq_attempts IN SHARE MODE")
            eventually(lambda: GIVEN_UP in caplog.text, 30)

    BLOCK[:] = [wait_in_vain]
    async with desk.working(worker_concurrency=2, time_limit_grace=0.2):
        blocked = await desk.hand_in(block, **BLOCKED)
        await desk.ended(blocked, timeout=60)
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))
    await check_rows(desk.conn, [blocked])
    assert caplog.text.count(NOT_YET) >= 2
    assert caplog.text.count("block failed after") == 1


async def test_outcomes_wait_for_a_database_that_is_away(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def is_ended() -> object:
        with psycopg.connect(desk.url) as conn:
            return conn.execute("SELECT FROM lapinq_attempts").fetchone()

    with proxy(desk.url) as way:

        def be_cut_off() -> None:
            way.cut()
            eventually(lambda: NOT_YET in caplog.text, 20)
            way.heal()
            eventually(lambda: is_ended() is not None, 20)

        BLOCK[:] = [be_cut_off]
        async with working(way.url, worker_concurrency=2, time_limit_grace=0.2):
            blocked = await desk.hand_in(block, **BLOCKED)
            (ended,) = await desk.ended(blocked)
            assert (ended.status, ended.error) == ("failed", "time limit of 0.3 s reached")
            await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))
        await check_rows(desk.conn, [blocked])
