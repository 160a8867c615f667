"""A worker in somebody else's program whose event loop is held up: its tasks are handed back, and it begins anew."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.integration.lapinq_worker.desk import Desk, Gate, at_desk, working
from tests.support import tasks
from tests.support.eventually import eventually
from tests.support.invariants import check_invariants
from tests.support.proxy import proxy

BLOCKED = {"timeout_seconds": 0.3, "max_retries": 0}


@pytest.mark.parametrize("pool", ["processes", "threads"])
def test_everything_held_is_handed_back_and_the_worker_begins_anew(
    database: str, gate: Gate, caplog: pytest.LogCaptureFixture, pool: str
) -> None:
    async def test(desk: Desk) -> None:
        values: dict[str, Any] = {"worker_concurrency": 4, "worker_pool": pool, "time_limit_grace": 0.2}
        async with working(database, **values):
            others = [
                await desk.hand_in(tasks.await_at, gate.path),
                await desk.hand_in(tasks.wait_at, gate.path),
            ]
            await gate.begun(2)
            before = await desk.value("SELECT id::text FROM lapinq_workers")
            blocked = await desk.hand_in(tasks.abusy, 4.0, **BLOCKED)
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
        check_invariants(database, [*others, blocked])

    at_desk(database, test)
    assert "the event loop has been held up" in caplog.text
    assert "in abusy" in caplog.text


HOLD_UP = list[Callable[[], None]]()


async def hold_up() -> None:
    """Holds up the loop until the test has seen what it waits for."""
    HOLD_UP[0]()


def test_what_can_not_be_written_yet_is_written_when_the_database_is_back(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    def is_ended() -> object:
        with psycopg.connect(database) as conn:
            return conn.execute("SELECT FROM lapinq_attempts").fetchone()

    async def test(desk: Desk) -> None:
        with proxy(database) as way:

            def be_cut_off() -> None:
                way.cut()
                eventually(lambda: "could not hand back the tasks yet" in caplog.text, 20)
                way.heal()
                eventually(lambda: is_ended() is not None, 20)

            HOLD_UP[:] = [be_cut_off]
            async with working(way.url, worker_concurrency=2, time_limit_grace=0.2):
                blocked = await desk.hand_in(hold_up, **BLOCKED)
                (ended,) = await desk.ended(blocked)
                assert (ended.status, ended.error) == ("failed", "time limit of 0.3 s reached")
                await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))
            check_invariants(database, [blocked])

    at_desk(database, test)
