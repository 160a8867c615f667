"""Workers that are told to stop while their tasks go on. Real processes; no lease runs out here."""

import signal
import time
from pathlib import Path

import psycopg
import pytest

from tests.support.database.invariants import check_invariants, statuses
from tests.support.eventually import eventually
from tests.support.programs.processes import WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample.starts import starts

GRACE_SECONDS = 1.0
RESTART_SECONDS = 2.0  # from the end of the grace time


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("function", ["amark_until", "mark_until"])
def test_what_outlasts_the_grace_time_is_handed_back_and_restarted_elsewhere(
    database: str, tmp_path: Path, function: str
) -> None:
    gate = tmp_path / "gate"

    def tasks(name: str, count: int, max_retries: int) -> list[str]:
        return enqueue_all(
            database,
            [
                new_task(
                    task_name=function,
                    args=[str(tmp_path), f"{name}{n}", str(gate)],
                    max_retries=max_retries,
                )
                for n in range(count)
            ],
        )

    env = {"LAPINQ_SHUTDOWN_GRACE": str(GRACE_SECONDS)}
    with WorkerProcess(database, "--concurrency", "4", env=env) as stopped:
        ids = tasks("again", 3, max_retries=1) + tasks("once", 1, max_retries=0)
        eventually(lambda: len(starts(tmp_path)) == 4, 30)
        with WorkerProcess(database, "--concurrency", "4", env=env) as heir:
            first = new_task(task_name=function.removesuffix("_until"), args=[str(tmp_path), "first"])
            ids += enqueue_all(database, [first])
            eventually(lambda: starts(tmp_path)["first"] == 1, 30)  # it has imported the module
            stopped.signal(signal.SIGTERM)
            told_at = time.monotonic()
            eventually(lambda: all(starts(tmp_path)[f"again{n}"] == 2 for n in range(3)), 30)
            assert time.monotonic() - told_at < GRACE_SECONDS + RESTART_SECONDS, stopped.output + heir.output
            assert stopped.wait() == 0
            gate.touch()
            eventually(lambda: statuses(database) == {"completed": 4, "failed": 1}, 30)
    # The start of what was handed back was given back, so each has used one; the other had only that.
    assert starts(tmp_path)["once0"] == 1
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT DISTINCT attempts FROM lapinq_task_details").fetchall() == [(1,)]
    check_invariants(database, ids)
