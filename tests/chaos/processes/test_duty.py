"""The process that does the maintenance for all is suspended, comes back and is killed: others take over each time."""

import signal
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from lapinq_core.upkeep.duty import DUTY_CHANNEL
from tests.support.database.invariants import statuses
from tests.support.eventually import eventually
from tests.support.programs.processes import Program
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = pytest.mark.slow

LISTENING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lapinq-scheduler listen' AND datname = %s"


def test_delayed_tasks_are_promoted_whatever_happens_to_the_one_on_duty(database: str) -> None:
    command = ("scheduler", "--database-url", database)
    with psycopg.connect(database, autocommit=True) as conn, Program(*command) as first:
        conn.execute(f"LISTEN {DUTY_CHANNEL}")

        def on_duty() -> str:
            return next(conn.notifies(timeout=10)).payload

        def listening() -> int:
            row = conn.execute(LISTENING, [conn.info.dbname]).fetchone()
            assert row is not None
            return row[0]

        count = 0

        def promotes() -> bool:
            nonlocal count
            count += 1
            enqueue_all(database, [new_task(scheduled_at=datetime.now(UTC) + timedelta(seconds=0.1))])
            return eventually(lambda: ready() == count, 20)

        def ready() -> int:
            row = conn.execute("SELECT count(*) FROM lapinq_ready").fetchone()
            assert row is not None
            return row[0]

        older = on_duty()
        assert promotes()
        with Program(*command) as second:
            eventually(lambda: listening() == 2, 30)
            first.signal(signal.SIGSTOP)
            assert promotes()
            younger = eventually(lambda: (heard := on_duty()) != older and heard)
            first.signal(signal.SIGCONT)
            eventually(lambda: [on_duty(), on_duty(), on_duty()] == [older] * 3, 20)
            first.kill()
            assert promotes()
            eventually(lambda: on_duty() == younger)
            assert second.process is not None
            assert second.process.poll() is None
    assert statuses(database) == {"pending": count}
