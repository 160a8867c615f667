"""The circuit breaker of a task name while workers are killed as it opens, as it tries a task, and as it closes.

The tasks' own log judges, and one that triggers write of each admission.
"""

import os
import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from lapinq_core.domain.limits.breaker import Breaker, BreakerRule, BreakerState
from lapinq_core.limits.breakers import get_breaker, put_task_breaker
from tests.chaos.tasks.calls import are_alone, events_of, process_of
from tests.support.database.invariants import check_invariants, statuses
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import SOMEBODY, Conn, new_task

pytestmark = pytest.mark.slow

TASKS, OTHERS, WORKERS = 120, 60, 3
RETRY_AFTER_SECONDS = 2.5  # as in test_circuit_breaker.py
_LOG = """
CREATE TABLE admissions (task_id uuid NOT NULL, state text NOT NULL);
CREATE FUNCTION log_admission() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO admissions
    SELECT NEW.task_id, state FROM lapinq_circuit_breakers WHERE (kind, name) = (NEW.kind, NEW.name);
    RETURN NEW;
END $$;
CREATE TRIGGER log_admission BEFORE INSERT ON lapinq_circuit_breaker_starts
    FOR EACH ROW EXECUTE FUNCTION log_admission();
"""


def test_nothing_of_the_name_starts_past_it_and_every_task_ends(database: str, tmp_path: Path) -> None:
    service, journal = tmp_path / "service", tmp_path / "journal"
    on_connections(database, _set_breaker)
    calls = enqueue_all(
        database,
        [
            new_task(
                task_name="acall",
                args=[str(service), str(journal), str(number), 0.3],
                queue_name=f"q{number % 2}",
                max_retries=30,
                retry_delay=0.0,
            )
            for number in range(TASKS)
        ],
    )
    others = enqueue_all(database, [new_task(queue_name="q0") for _ in range(OTHERS)])
    with ExitStack() as stack:

        def start() -> WorkerProcess:
            return stack.enter_context(WorkerProcess(database, "--concurrency", "4", env=QUICK_LEASE))

        workers = [start() for _ in range(WORKERS)]
        eventually(lambda: _is(database, BreakerState.OPEN), 60)
        os.kill(workers[0].pid, signal.SIGKILL)
        start()
        # Tasks of other names in the same queue go on, and those of this one wait beside it.
        eventually(lambda: statuses(database).get("completed") == OTHERS, 60)
        eventually(lambda: not _count(database, "lapinq_ready") and _count(database, "lapinq_delayed"), 60)
        at_work = eventually(lambda: _probe_at_work(database, journal, calls), 60)
        assert at_work is not None
        probe, worker = at_work
        since = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        start()
        eventually(lambda: _breaker(database).failed_task_id == probe, 60)
        eventually(lambda: _breaker(database).probe_task_id not in (None, probe), 60)
        events = [one for one in events_of(journal) if one.at > since and one.process != worker]
        assert are_alone(events), events
        service.touch()
        eventually(lambda: _is(database, BreakerState.CLOSED), 60)
        os.kill(next(each for each in workers[1:] if each.pid != worker).pid, signal.SIGKILL)
        eventually(lambda: statuses(database) == {"completed": TASKS + OTHERS}, 90)
    check_invariants(database, [*calls, *others])
    assert not _count(database, "lapinq_delayed")
    with psycopg.connect(database) as conn:
        admitted = conn.execute("SELECT task_id::text, state FROM admissions").fetchall()
    assert {state for _, state in admitted} == {"closed", "half_open"}
    starts = Counter(calls[int(one.name)] for one in events_of(journal) if one.what == "start")
    assert starts <= Counter(task for task, _ in admitted), "one started that was not admitted"


async def _set_breaker(conn: Conn) -> None:
    await conn.execute(_LOG)
    await put_task_breaker(
        conn, "acall", BreakerRule(failures_in_row=3, retry_after_seconds=RETRY_AFTER_SECONDS), by=SOMEBODY
    )


def _is(database: str, state: BreakerState) -> bool:
    return _breaker(database).state is state


def _breaker(database: str) -> Breaker:
    async def read(conn: Conn) -> Breaker | None:
        return await get_breaker(conn, "task", "acall")

    found = on_connections(database, read)
    assert found is not None
    return found


def _count(database: str, table: str) -> int:
    with psycopg.connect(database) as conn:
        row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    assert row is not None
    return row[0]


def _probe_at_work(database: str, journal: Path, calls: list[str]) -> tuple[str, int] | None:
    """The probe, and the process in which it runs. One that has ended meanwhile is followed by another."""
    probe = _breaker(database).probe_task_id
    worker = None if probe is None else process_of(journal, calls.index(probe))
    return None if probe is None or worker is None else (probe, worker)
