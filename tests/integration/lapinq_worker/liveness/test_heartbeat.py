"""The heartbeat: it beats, stops when the loop is stuck, gives up what does not answer, and tells of a death."""

import threading
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, LiteralString

import psycopg
import pytest

from lapinq_core.db.moved_clock import move_clock
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.worker import WorkerRequest
from lapinq_core.fleet import operators
from lapinq_core.fleet.workers import Health
from lapinq_worker.liveness.heartbeat import Heartbeat
from lapinq_worker.running.clocks import moment
from tests.integration.lapinq_worker.desk import Desk, Gate
from tests.support.database.invariants import check_rows
from tests.support.database.proxy import proxy
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete, enqueue
from tests.support.sample import tasks

BEATS = "extract(epoch FROM beat_at - started_at)::float8"
"""How long after its registration the worker beat last, in seconds."""


def register(url: str) -> str:
    """The id of a worker that was made known just now."""
    return on_connections(url, add_worker)


def make_heartbeat(url: str, worker: str, **values: Any) -> Heartbeat:
    defaults: dict[str, Any] = {
        "interval": 0.1,
        "lease": 1.0,
        "blocked_after": 60.0,
        "on_declared_dead": lambda: None,
    }
    return Heartbeat(url, worker, **{**defaults, **values})


@contextmanager
def beating(url: str, worker: str, **values: Any) -> Generator[Heartbeat]:
    """A heartbeat that has begun; at the end its thread is gone."""
    heartbeat = make_heartbeat(url, worker, **values)
    heartbeat.start(moment())
    try:
        yield heartbeat
    finally:
        heartbeat.stop()
        heartbeat._thread.join(10)  # pyright: ignore[reportPrivateUsage]
        assert not heartbeat._thread.is_alive()  # pyright: ignore[reportPrivateUsage]


def value(url: str, column: LiteralString) -> Any:
    """What the row of the worker says."""
    with psycopg.connect(url) as conn:
        row = conn.execute(f"SELECT {column} FROM lapinq_workers").fetchone()
    assert row is not None
    return row[0]


def test_it_beats_is_calm_after_a_lease_and_tells_of_a_jump_of_the_databases_clock(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    idle = make_heartbeat(database, str(uuid.uuid4()))  # before it begins there is no lease
    assert not idle.is_current
    assert idle.judging_time is None
    with beating(database, register(database)) as heartbeat:
        assert heartbeat.is_current
        assert heartbeat.judging_time is None
        eventually(lambda: heartbeat.judging_time)
        assert value(database, BEATS) > 0.8
        move_clock(database, 3600)
        eventually(lambda: heartbeat.judging_time is None)
        eventually(lambda: value(database, "jumped_seconds") == pytest.approx(3600, abs=5))
        assert heartbeat.is_current
        assert caplog.text.count("have moved apart") == 1
        eventually(lambda: heartbeat.judging_time)


def test_the_effect_of_a_request_is_reported_before_the_next_interval(database: str) -> None:
    worker = register(database)
    on_connections(
        database, partial(operators.request, worker_id=worker, request=WorkerRequest.QUIET, by=SOMEBODY)
    )
    asked = list[str | None]()

    def hear(request: str | None, _by: str | None) -> None:
        asked.append(request)

    def health() -> Health:
        return Health(is_quiet=bool(asked))

    with beating(database, worker, interval=60.0, lease=180.0, on_request=hear, health=health):
        eventually(lambda: value(database, "is_quiet"))
    assert asked == [WorkerRequest.QUIET]


def test_a_blocked_loop_is_reported(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lapinq_worker.liveness.heartbeat.BLOCKED_SECONDS", 0.01)
    with beating(database, register(database)):
        eventually(lambda: value(database, "blocked_seconds"))
        monkeypatch.setattr("lapinq_worker.liveness.heartbeat.BLOCKED_SECONDS", 60.0)
        eventually(lambda: value(database, "blocked_seconds") is None)


def test_a_loop_that_is_stuck_gets_no_beats(database: str, caplog: pytest.LogCaptureFixture) -> None:
    with beating(database, register(database), blocked_after=0.3) as heartbeat:
        eventually(lambda: "has not turned" in caplog.text)
        assert "in test_a_loop_that_is_stuck_gets_no_beats" in caplog.text
        eventually(lambda: not heartbeat.is_current)
        before = value(database, BEATS)
        heartbeat.loop_turned()
        eventually(lambda: heartbeat.is_current)
        assert value(database, BEATS) > before


def test_a_death_is_told_once_and_ends_the_beat_and_none_is_told_after_the_end(database: str) -> None:
    told = list[str]()

    def tell() -> None:
        told.append(threading.current_thread().name)

    gone: tuple[LiteralString, ...] = (
        "UPDATE lapinq_workers SET dead_at = now()",
        "DELETE FROM lapinq_workers",
    )
    for query in gone:
        told.clear()
        with beating(database, register(database), on_declared_dead=tell) as heartbeat:
            with psycopg.connect(database) as conn:
                conn.execute(query)
            eventually(lambda heartbeat=heartbeat: not heartbeat._thread.is_alive())  # pyright: ignore[reportPrivateUsage]
        assert told == ["lapinq heartbeat"]
    told.clear()
    with beating(database, register(database), interval=0.5, on_declared_dead=tell) as heartbeat:
        heartbeat.stop()
        with psycopg.connect(database) as conn:
            conn.execute("DELETE FROM lapinq_workers")
    assert not told


def test_a_beat_that_gets_no_answer_is_given_up_and_broken_connections_are_replaced(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    worker = register(database)
    with proxy(database) as way, beating(way.url, worker, lease=1.5) as heartbeat:
        eventually(lambda: heartbeat.judging_time)
        way.swallow()
        eventually(lambda: caplog.text.count("no answer within 0.5 s") >= 2)
        assert heartbeat.judging_time is None
        eventually(lambda: not heartbeat.is_current)
        way.heal()
        eventually(lambda: heartbeat.is_current)
        way.cut()
        eventually(lambda: not heartbeat.is_current)
        way.heal()
        eventually(lambda: heartbeat.is_current)
    assert "Traceback" not in caplog.text


def test_each_beat_tells_of_the_tasks_to_stop_until_they_have_ended(database: str) -> None:
    told = list[tuple[str, str]]()

    def note(task_id: str, token: str) -> None:
        told.append((task_id, token))

    async def claim_some(conn: Conn) -> list[Claim]:
        await enqueue(conn, 3)
        return await claim(conn, worker, 3)

    worker = register(database)
    first, second, _ = on_connections(database, claim_some)
    with beating(database, worker, on_cancel_requested=note):
        eventually(lambda: value(database, BEATS) > 0.1)
        assert not told
        with psycopg.connect(database) as conn:
            # Without a word to anybody: a notification may be lost.
            ids = [first.id, second.id]
            conn.execute("UPDATE lapinq_running SET cancel_requested_at = now() WHERE id = ANY (%s)", (ids,))
        both = {(first.id, first.token), (second.id, second.token)}
        eventually(lambda: set(told) == both and len(told) >= 6)
        assert on_connections(database, partial(complete, claims=[first])) == 1
        eventually(lambda: told[-3:] == [(second.id, second.token)] * 3)


async def test_a_request_reaches_a_worker_that_heard_no_notification(desk: Desk, gate: Gate) -> None:
    async with desk.working(worker_concurrency=5, cancel_grace=1.0):
        stopped = [
            await desk.hand_in(tasks.await_at, gate.path),
            await desk.hand_in(tasks.wait_at, gate.path),
            await desk.hand_in(tasks.stubborn),
        ]
        others = [await desk.hand_in(tasks.await_at, gate.path), await desk.hand_in(tasks.wait_at, gate.path)]
        await gate.begun(4)
        await desk.has_status("running", *stopped, *others)
        await desk.conn.execute(
            "UPDATE lapinq_running SET cancel_requested_at = lapinq_now() WHERE id = ANY (%s::uuid[])",
            (stopped,),
        )
        for task in await desk.ended(*stopped):
            assert (task.status, task.error) == ("cancelled", "stopped on request")
        gate.open()
        for task in await desk.ended(*others):
            assert (task.status, task.attempts) == ("completed", 1)
    for task in stopped:
        (attempt,) = await desk.attempts(task)
        assert (attempt.outcome, attempt.final) == ("cancelled", True)
    await check_rows(desk.conn, [*stopped, *others])
