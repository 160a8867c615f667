"""A notice is not lost, whatever the worker is doing when it arrives.

The worker here polls so seldom, and scans queues so seldom, that only its notice can start a task.
"""

# pyright: reportPrivateUsage=false

import asyncio

import pytest

from lapinq_core.db.notify.channels import READY_CHANNEL
from lapinq_core.db.notify.notifier import notify
from lapinq_core.intake import enqueueing
from lapinq_worker.claiming import full_scans
from lapinq_worker.claiming.fire_and_forget import FireAndForget
from lapinq_worker.worker import Worker
from tests.integration.lapinq_worker.desk import Desk, task_of, until
from tests.support.rows.factories import Conn
from tests.support.sample import tasks

ENDLESS_SECONDS = 3600.0

# Whoever inserts into the table of running tasks waits for the test, after its statement has looked at what is ready.
HOLD_UP_CLAIMS = """
CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';
CREATE TRIGGER wait_for_test BEFORE INSERT ON lapinq_running FOR EACH ROW EXECUTE FUNCTION wait_for_test();
"""


def notices_of(worker: Worker) -> list[str]:
    """The notices that the worker gets from now on."""
    heard = list[str]()
    worker._listener.subscribe(READY_CHANNEL, heard.append)
    return heard


async def is_asleep(worker: Worker) -> None:
    """Returns once the fetcher waits to be woken, after the wake-up that the listener gives when it has connected."""
    wake = worker._hints.wake
    await until(lambda: worker._listener.connected and wake._waiters and not wake.is_set())


async def test_a_notice_that_arrives_during_a_claim_of_its_queue_is_followed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full_scans, "SCAN_COST_FACTOR", 1e6)
    await desk.conn.execute(HOLD_UP_CLAIMS)
    async with desk.working(worker_poll_interval=ENDLESS_SECONDS) as worker:
        await is_asleep(worker)
        heard = notices_of(worker)
        await desk.conn.execute("SELECT pg_advisory_lock(1)")
        first = await desk.hand_in(tasks.aadd, 1, 1)
        await notify(desk.conn, ["default"])
        await desk.until("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        second = await desk.hand_in(tasks.aadd, 1, 1)
        await notify(desk.conn, ["default"])
        await until(lambda: heard == ["default", "default"])
        await desk.conn.execute("SELECT pg_advisory_unlock(1)")
        await desk.ended(first, second)


async def test_a_task_that_commits_after_a_later_one_is_found_as_soon_as_a_full_scan_may_begin(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worker's mark is past its place by then.
    monkeypatch.setattr(full_scans, "SCAN_COST_FACTOR", 50.0)

    async with desk.working(worker_poll_interval=ENDLESS_SECONDS) as worker:
        await is_asleep(worker)
        late = task_of(tasks.aadd, 1, 1)
        async with await Conn.open(desk.url) as other, other.transaction():
            await enqueueing.enqueue(other, [late])
            await desk.hand_in(tasks.aadd, 1, 1)
            (later,) = await desk.hand_in_many([task_of(tasks.aadd, 1, 1)])
            await notify(desk.conn, ["default"])
            await desk.ended(later)
            await is_asleep(worker)
        await notify(desk.conn, ["default"])
        await desk.ended(late.id)


async def test_a_notice_that_arrives_while_fire_and_forget_is_asked_for_is_followed(desk: Desk) -> None:
    transient = FireAndForget(ENDLESS_SECONDS, in_order=False)
    under_way = asyncio.create_task(transient.claim(desk.conn, None, 1))
    await asyncio.sleep(0)  # its statement is sent
    transient.heard()
    assert await under_way == []
    assert await transient.claim(desk.conn, None, 1) == []
    assert await transient.claim(desk.conn, None, 1) is None
