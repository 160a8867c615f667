"""The database crashes between the commit of a task and its flush: workers hear of a task before the disk has it."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from lapinq import TaskQueue
from tests.support.database.invariants import check_invariants, statuses
from tests.support.database.outage import fragile_server
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.sample import tasks
from tests.support.sample.starts import starts

pytestmark = pytest.mark.slow

CRASHES = 2
CLIENTS = 2
LONGEST_DELAY = "SET commit_siblings = 0; SET commit_delay = 100000"
SLEEPING = ("active", None)

Stored = set[tuple[str, str, str]]


def test_nothing_starts_that_a_crash_takes_back_and_what_was_acknowledged_runs_once(tmp_path: Path) -> None:
    accepted = list[str]()
    seen: Stored = set()

    def enqueue(name: str) -> str:
        with TaskQueue(server.url) as client:  # one of its own may notify immediately
            task_id = client.task(max_retries=0)(tasks.amark).queue(str(tmp_path), name).task_id
        assert task_id is not None
        return task_id

    with (
        fragile_server() as server,
        WorkerProcess(server.url, "--concurrency", "10", env=QUICK_LEASE),
        ThreadPoolExecutor(CLIENTS) as threads,
    ):
        for crash in range(CRASHES):
            with (
                psycopg.connect(server.url, autocommit=True) as conn,
                closing(psycopg.connect(server.url, autocommit=True)) as flusher,
            ):
                before = starts(tmp_path)
                eventually(lambda: stop_in_flush(flusher, conn))
                answers = threads.map(enqueue, [f"{crash}-{n}" for n in range(CLIENTS)])
                eventually(lambda before=before: a_claim_waits(conn) or starts(tmp_path) != before, 30)
                seen |= stored(conn)
                server.crash()
            server.start()
            accepted += answers  # by repeating: a crash leaves calls unanswered
        eventually(lambda: statuses(server.url).keys() == {"completed"}, 30)
        with psycopg.connect(server.url) as conn:
            kept = stored(conn)
        assert seen - kept, "no crash came before the flush of a task"
        assert starts(tmp_path) == {name: 1 for _, name, _ in kept}
        check_invariants(server.url, accepted)


def stop_in_flush(flusher: psycopg.Connection, conn: psycopg.Connection) -> bool:
    """Suspends the session of `flusher` while it is about to flush for all others, so that nobody can."""
    pid = flusher.info.backend_pid
    flusher.execute(LONGEST_DELAY)
    flusher.pgconn.send_query(b"SELECT pg_logical_emit_message(true, 'test', '')")
    if _activity(conn, pid) == SLEEPING:
        os.kill(pid, signal.SIGSTOP)
        if _activity(conn, pid) == SLEEPING:
            return True
        os.kill(pid, signal.SIGCONT)
    while flusher.pgconn.get_result():
        pass
    return False


def _activity(conn: psycopg.Connection, pid: int) -> tuple[str, str | None] | None:
    return conn.execute("SELECT state, wait_event FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()


def a_claim_waits(conn: psycopg.Connection) -> bool:
    """Whether a worker has claimed, and the claim waits for the disk."""
    found = conn.execute(
        "SELECT FROM pg_stat_activity WHERE application_name ~ 'claim' AND wait_event = 'WALWrite'"
    )
    return found.fetchone() is not None


def stored(conn: psycopg.Connection) -> Stored:
    """Id and name of each task, and when it was stored: a repeat stores what a crash took back at another time."""
    return set(conn.execute("SELECT id::text, args ->> 1, created_at::text FROM lapinq_tasks"))
