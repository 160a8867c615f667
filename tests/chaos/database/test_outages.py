"""The database goes away, or a worker is cut off from the world. Heartbeat 0.5 s, lease 3 s, sweep 0.5 s."""

import signal
import time
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from tests.support.database.invariants import check_invariants, statuses
from tests.support.database.outage import fragile_server, read_only
from tests.support.database.proxy import proxy
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample.starts import calm_workers, starts

LEASE_SECONDS = 3.0
USEFUL_SECONDS = 2.0


@pytest.mark.slow
def test_an_outage_of_three_leases_causes_no_second_run(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with fragile_server() as server:
        arguments = (server.url, "--concurrency", "20")
        with WorkerProcess(*arguments, env=QUICK_LEASE), WorkerProcess(*arguments, env=QUICK_LEASE):
            tasks = [
                new_task(task_name="amark_until", args=[str(tmp_path), f"t{n}", str(gate)]) for n in range(30)
            ]
            ids = enqueue_all(server.url, tasks)
            eventually(lambda: len(starts(tmp_path)) == 30, 30)
            eventually(lambda: calm_workers(server.url) == 2, 30)

            server.stop()
            back_at = time.monotonic() + 3 * LEASE_SECONDS
            eventually(lambda: time.monotonic() > back_at, 30)
            server.start()

            # Both workers beat again, for long enough that a rescue would have come if it came at all.
            eventually(lambda: beats_after(server.url, 1.5 * LEASE_SECONDS) == 2, 30)
            gate.touch()
            eventually(lambda: statuses(server.url) == {"completed": 30}, 30)
        assert set(starts(tmp_path).values()) == {1}
        check_invariants(server.url, ids)


@pytest.mark.slow
def test_results_of_a_time_when_the_database_was_read_only_are_stored(database: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    arguments = (database, "--concurrency", "20")
    with (
        WorkerProcess(*arguments, env=QUICK_LEASE) as one,
        WorkerProcess(*arguments, env=QUICK_LEASE) as other,
    ):
        tasks = [
            new_task(task_name="amark_until", args=[str(tmp_path), f"t{n}", str(gate)], max_retries=0)
            for n in range(30)
        ]
        ids = enqueue_all(database, tasks)
        eventually(lambda: len(starts(tmp_path)) == 30, 30)
        eventually(lambda: calm_workers(database) == 2, 30)
        with read_only(database):
            gate.touch()
            eventually(lambda: silence(database) > 2 * LEASE_SECONDS, 30)
            assert statuses(database) == {"running": 30}
        eventually(lambda: statuses(database) == {"completed": 30}, 30)
        ids += enqueue_all(database, [new_task(task_name="aadd") for _ in range(20)])
        eventually(lambda: statuses(database) == {"completed": 50}, 30)
        assert "is lost" not in one.output + other.output
    assert set(starts(tmp_path).values()) == {1}
    check_invariants(database, ids)


@pytest.mark.parametrize("crashes", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_a_crash_of_the_database_under_load_loses_nothing(crashes: int) -> None:
    with fragile_server() as server:
        goals = range(300, 300 + crashes * 400, 400)
        count = goals.stop + 100
        tasks = [new_task(task_name="asleep", args=[0.01], max_retries=10) for _ in range(count)]
        ids = enqueue_all(server.url, tasks)
        with (
            WorkerProcess(server.url, "--concurrency", "10", env=QUICK_LEASE) as one,
            WorkerProcess(server.url, "--concurrency", "10", env=QUICK_LEASE),
        ):
            for goal in goals:
                eventually(lambda goal=goal: statuses(server.url).get("completed", 0) >= goal, 60)
                server.crash()
                server.start()
            eventually(lambda: statuses(server.url) == {"completed": count}, 60, 0.2)
            assert one.process is not None
            assert one.process.poll() is None, one.output
        check_invariants(server.url, ids)


@pytest.mark.slow
def test_a_worker_that_comes_up_after_an_outage_judges_nobody_for_a_lease(
    database: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with proxy(database) as way:
        arguments = (way.url, "--concurrency", "20")
        with WorkerProcess(*arguments, env=QUICK_LEASE), WorkerProcess(*arguments, env=QUICK_LEASE):
            tasks = [
                new_task(task_name="amark_until", args=[str(tmp_path), f"t{n}", str(gate)]) for n in range(30)
            ]
            ids = enqueue_all(database, tasks)
            eventually(lambda: len(starts(tmp_path)) == 30, 30)
            way.cut()
            eventually(lambda: silence(database) > 1.5 * LEASE_SECONDS, 30)
            with WorkerProcess(database, env=QUICK_LEASE) as newcomer:
                # It has swept twice while nobody else beats; the others are back before it may judge.
                eventually(lambda: beats_since_start(database) > 0.7, 30)
                way.heal()
                eventually(lambda: beats_since_start(database) > 1.5 * LEASE_SECONDS, 30)
                gate.touch()
                assert "is lost" not in newcomer.output
                eventually(lambda: statuses(database) == {"completed": 30}, 30)
        assert set(starts(tmp_path).values()) == {1}
    check_invariants(database, ids)


@pytest.mark.slow
def test_a_paused_worker_loses_its_tasks_and_is_useful_again(database: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    arguments = (database, "--concurrency", "4")
    with WorkerProcess(*arguments, env=QUICK_LEASE) as paused:
        tasks = [
            new_task(task_name="amark_until", args=[str(tmp_path), f"t{n}", str(gate)]) for n in range(4)
        ]
        ids = enqueue_all(database, tasks)
        eventually(lambda: len(starts(tmp_path)) == 4, 30)
        with WorkerProcess(*arguments, env=QUICK_LEASE) as heir:
            eventually(lambda: calm_workers(database) == 2, 30)
            paused.signal(signal.SIGSTOP)
            back_at = time.monotonic() + 3 * LEASE_SECONDS
            eventually(lambda: set(starts(tmp_path).values()) == {2}, 30)
            gate.touch()
            eventually(lambda: statuses(database) == {"completed": 4}, 30)
            before = ends(database)
            heir.stop()
        eventually(lambda: time.monotonic() > back_at, 30)
        ids += enqueue_all(database, [new_task(task_name="aadd") for _ in range(20)])
        paused.signal(signal.SIGCONT)
        woken_at = time.monotonic()
        eventually(lambda: statuses(database) == {"completed": 24}, 30)
        assert time.monotonic() - woken_at < USEFUL_SECONDS, paused.output
        # What it had in hand when it was stopped is told late, and refused.
        paused.said("dropped the outcome")
        assert "declared dead" in paused.output
        assert before <= ends(database)
    assert set(starts(tmp_path).values()) == {2}
    check_invariants(database, ids)


def ends(database: str) -> set[tuple[Any, ...]]:
    """Everything that is written of the ends of attempts."""
    with psycopg.connect(database) as conn:
        return set(
            conn.execute(
                "SELECT task_id, attempt, final, outcome, result, finished_at, worker_id, token FROM lapinq_attempts"
            )
        )


def silence(database: str) -> float:
    """For how many seconds no worker has beaten."""
    return _value(database, "SELECT extract(epoch FROM lapinq_now() - max(beat_at)) FROM lapinq_workers")


def beats_since_start(database: str) -> float:
    """For how many seconds the youngest worker has beaten."""
    return _value(
        database,
        "SELECT extract(epoch FROM beat_at - started_at) FROM lapinq_workers ORDER BY started_at DESC LIMIT 1",
    )


def _value(database: str, query: LiteralString) -> float:
    with psycopg.connect(database) as conn:
        row = conn.execute(query).fetchone()
    return float(row[0]) if row else 0.0


def beats_after(database: str, seconds: float) -> int:
    """Workers whose beats go on although the server came up that many seconds ago."""
    try:
        with psycopg.connect(database) as conn:
            row = conn.execute(
                "SELECT count(*) FROM lapinq_workers"
                " WHERE beat_at > pg_postmaster_start_time() + %s * interval '1 second' AND dead_at IS NULL",
                (seconds,),
            ).fetchone()
    except psycopg.OperationalError:
        return 0
    return row[0] if row else 0
