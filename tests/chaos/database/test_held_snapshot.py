"""A snapshot is held for the whole of a run, so that no deleted row goes away: what a task costs stays the same."""

import time

import psycopg
import pytest

from tests.support.database.invariants import check_invariants, statuses
from tests.support.eventually import eventually
from tests.support.programs.processes import WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = pytest.mark.slow

TASKS = 3_000
SECONDS = 0.01
"""Of a task: so long that claims are small, and there are hundreds of them."""
FEW = 8
"""Rows and index entries that a task may cost in each table and index."""
SCANS_A_SECOND = 4
"""From the bottom of a queue, past everything deleted, by one worker."""


def test_claims_do_not_walk_what_was_deleted_under_a_held_snapshot(database: str) -> None:
    with psycopg.connect(database) as holder:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT 1")
        ids = enqueue_all(database, [new_task(task_name="asleep", args=[SECONDS]) for _ in range(TASKS)])
        began = time.monotonic()
        with WorkerProcess(database, "--concurrency", "20", "--no-task-log"):
            eventually(lambda: statuses(database) == {"completed": TASKS}, 60, 0.2)
        most = TASKS * (FEW + SCANS_A_SECOND * (time.monotonic() - began))
        # The worker's sessions have ended, and with that told what they read.
        with psycopg.connect(database) as conn:
            walked = conn.execute(
                "SELECT indexrelname, idx_tup_read FROM pg_stat_user_indexes"
                " WHERE relname IN ('lapinq_ready', 'lapinq_running') AND idx_tup_read > %(most)s"
                " UNION ALL"
                " SELECT relname, seq_tup_read FROM pg_stat_user_tables"
                " WHERE relname IN ('lapinq_ready', 'lapinq_running') AND seq_tup_read > %(most)s",
                {"most": most},
            ).fetchall()
    assert walked == []
    check_invariants(database, ids)
