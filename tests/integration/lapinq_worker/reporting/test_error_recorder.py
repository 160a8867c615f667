"""What a worker writes of failures: the first of a group soon, and nothing twice or never while it lives."""

import asyncio

import psycopg
import pytest

from lapinq_core.db.pool import Pool, make_pool
from lapinq_core.domain.tasks.decide import Fail
from lapinq_core.error_groups import groups
from lapinq_core.error_groups.groups import ErrorGroup, GroupFilter, GroupOrder
from lapinq_worker.reporting import error_recorder
from lapinq_worker.reporting.error_recorder import ErrorRecorder
from lapinq_worker.running.failures import FailureTally
from tests.integration.lapinq_worker.desk import Desk, task_of
from tests.support.database.proxy import proxy
from tests.support.rows.factories import Conn
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_claim


async def found(conn: Conn) -> list[ErrorGroup]:
    """The groups, the largest first."""
    return (await groups.list_groups(conn, GroupFilter(), GroupOrder.RETRIED))[0]


def recorder_of(pool: Pool, tally: FailureTally) -> ErrorRecorder:
    return ErrorRecorder(pool, tally, lambda: "w", None)


async def test_what_fails_is_written_while_the_worker_runs_and_at_its_stop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_recorder, "GATHER_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(error_recorder, "INITIAL_PAUSE_SECONDS", 10.0)
    async with desk.working(worker_name="w", worker_release="2.4"):
        first = await desk.hand_in(tasks.afail, "no 1", max_retries=0)
        await desk.until("SELECT count(*) = 1 FROM lapinq_error_groups")
        second = await desk.hand_in(tasks.afail, "no 2", max_retries=2)
        await desk.ended(first, second)
        assert [group.failed for group in await found(desk.conn)] == [1]  # the second waits
        others = await desk.hand_in_many(
            [task_of(tasks.fail, f"none of {number}", max_retries=0) for number in range(2)]
        )
        await desk.until("SELECT count(*) = 2 FROM lapinq_error_groups")
        await desk.ended(*others)
    largest, other = await found(desk.conn)
    assert (largest.task_name, largest.failed, largest.retried) == ("afail", 2, 2)
    assert (other.task_name, other.failed, other.retried) == ("fail", 2, 0)
    assert (largest.workers, largest.releases) == (["w"], ["2.4"])
    assert largest.sample_task == second


async def test_failures_wait_for_a_database_that_is_away(desk: Desk) -> None:
    tally = FailureTally()
    with proxy(desk.url) as between:
        async with make_pool(between.url, "test", 2, timeout=0.5) as pool:
            recorder = recorder_of(pool, tally)
            between.cut()
            for _ in range(2):
                tally.ended(make_claim(queue_name="a"), Fail("ValueError: no"))
                with pytest.raises(psycopg.Error):
                    await recorder.flush()
            between.heal()
    async with make_pool(desk.url, "test", 1, timeout=5) as pool:
        await recorder_of(pool, tally).flush()
    assert [group.failed for group in await found(desk.conn)] == [2]


async def test_a_write_that_is_broken_off_loses_nothing(desk: Desk) -> None:
    tally = FailureTally()
    async with make_pool(desk.url, "test", 2, timeout=5) as pool:
        recorder = recorder_of(pool, tally)
        tally.ended(make_claim(queue_name="a"), Fail("ValueError: no"))
        async with desk.conn.transaction():
            await desk.conn.execute("LOCK TABLE lapinq_error_groups")
            writing = asyncio.create_task(recorder.flush())
            await desk.until(
                "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database"
                " WHERE NOT granted AND datname = current_database())"
            )
            writing.cancel()
            await asyncio.wait([writing])
        await recorder.flush()
    assert [group.failed for group in await found(desk.conn)] == [1]
