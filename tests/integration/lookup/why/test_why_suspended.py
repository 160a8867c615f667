"""What a durable task waits for, as `why` and task objects tell it, and that no worker has the version of its steps."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.domain.tasks.outcome import OfOtherVersion, Raised
from lapinq_core.durable import signals
from lapinq_core.fleet import workers
from lapinq_core.lookup.why.explanation import explain
from lapinq_core.lookup.why.why_not_running import (
    AllBusy,
    Expiring,
    NotDue,
    OtherVersion,
    Reason,
    Wait,
    Waits,
    WorkerVersion,
    find_reason,
)
from lapinq_core.tasks import inspect
from tests.support.rows.durable import end, sleep, step, suspend, wait_for, wait_for_task
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

pytestmark = pytest.mark.usefixtures("database")


async def suspended(conn: Conn, *waits: Callable[[Conn, Claim], Awaitable[Any]], **values: Any) -> str:
    """A task that waits. Each of `waits` takes its connection and its claim."""
    [task_id] = await enqueue(conn, queue_name="waits", **values)
    [held] = await claim(conn, await add_worker(conn), queue="waits")
    for wait in waits:
        await wait(conn, held)
    await suspend(conn, held)
    return task_id


async def shown(conn: Conn, task_id: str) -> dict[str, Any]:
    found = await inspect.get_task(conn, task_id)
    assert found is not None
    return msgspec.json.decode(found)


async def told(conn: Conn, task_id: str) -> list[Wait]:
    reason = await find_reason(conn, task_id)
    assert isinstance(reason, Waits), reason
    assert reason.count == len(reason.first)
    return reason.first


async def test_a_signal(conn: Conn) -> None:
    task_id = await suspended(conn, lambda c, h: wait_for(c, h, "yes", "no"))
    [wait] = await told(conn, task_id)
    assert (wait.kind, wait.signals, wait.child_id, wait.until) == ("signal", ["yes", "no"], None, None)
    task = await shown(conn, task_id)
    assert (task["status"], task["waiting_for"]) == ("pending", {"kind": "signal", "name": "yes|no"})
    assert task["scheduled_at"] is None
    explained = await explain(conn, task_id)
    assert explained is not None
    assert (explained.kind, explained.status) == ("suspended", "pending")
    assert explained.why.startswith("It waits for the signal 'yes' or 'no' since 2")
    assert explained.remedy == f"Send it, with a value in JSON: lapinq task signal {task_id} yes"


async def test_a_signal_that_nobody_waits_for_is_named(conn: Conn) -> None:
    task_id = await suspended(conn, lambda c, h: wait_for(c, h, "approved"))
    await signals.send(conn, task_id, "aproved", "null")
    reason = await find_reason(conn, task_id)
    assert isinstance(reason, Waits)
    assert reason.unexpected == ["aproved"]


async def test_a_sleep(conn: Conn) -> None:
    task_id = await suspended(conn, lambda c, h: sleep(c, h, 3600))
    [wait] = await told(conn, task_id)
    assert wait.kind == "sleep"
    assert wait.until is not None
    assert (wait.until - wait.since).total_seconds() == 3600
    task = await shown(conn, task_id)
    assert task["waiting_for"] == {"kind": "sleep", "name": None}
    assert task["scheduled_at"] is not None


async def test_the_end_of_a_task(conn: Conn) -> None:
    [child] = await enqueue(conn, queue_name="children")
    task_id = await suspended(conn, lambda c, h: wait_for_task(c, h, child))
    [wait] = await told(conn, task_id)
    assert (wait.kind, wait.child_id, wait.child_status) == ("task", child, "pending")
    assert (await shown(conn, task_id))["waiting_for"] == {"kind": "task", "name": child}
    hidden = await find_reason(conn, task_id, names_parents=False)
    assert isinstance(hidden, Waits)
    assert (hidden.first[0].child_id, hidden.first[0].child_status) == (None, None)


async def test_several_at_once_the_oldest_first(conn: Conn) -> None:
    def late(conn: Conn, held: Claim) -> Awaitable[Any]:
        return wait_for(conn, held, "late", seconds=60)

    task_id = await suspended(conn, lambda c, h: sleep(c, h, 3600), late)
    assert {wait.kind for wait in await told(conn, task_id)} == {"sleep", "signal"}


async def test_a_time_to_live_ends_a_sleep_and_no_other_wait(conn: Conn) -> None:
    ttl = {"ttl_seconds": 60}
    sleeps = await suspended(conn, lambda c, h: sleep(c, h, 3600), **ttl)
    waits = await suspended(conn, lambda c, h: wait_for(c, h, "yes"), **ttl)
    assert isinstance(await find_reason(conn, sleeps), Expiring)
    assert isinstance(await find_reason(conn, waits), Waits)


async def test_a_retry_comes_before_a_wait(conn: Conn) -> None:
    [task_id] = await enqueue(conn, queue_name="waits")
    [held] = await claim(conn, await add_worker(conn), queue="waits")
    await wait_for(conn, held, "yes")
    await end(conn, held, Raised("ValueError: no"))
    assert isinstance(await find_reason(conn, task_id), NotDue)
    assert (await shown(conn, task_id))["waiting_for"] == {"kind": "retry", "name": None}


async def has_version(conn: Conn, name: str, version: str | None, **values: Any) -> str:
    """The id of a worker with that version of the function."""
    worker = await add_worker(conn, name=name, concurrency=0, **values)
    task = Registered("add", "tests.support.sample.tasks", None, {}, None, version)
    await workers.record_registered(conn, worker, [task])
    return worker


async def why(conn: Conn, task_id: str) -> Reason | None:
    return await find_reason(conn, task_id)


async def test_no_living_worker_has_the_version_of_its_steps(conn: Conn) -> None:
    [task_id] = await enqueue(conn, queue_name="waits")
    worker = await add_worker(conn, name="old")
    [held] = await claim(conn, worker, queue="waits")
    await step(conn, held, "charge", version="2")
    await end(conn, held, OfOtherVersion("it needs version 2 of the function, and this worker has version 3"))
    assert isinstance(await why(conn, task_id), OtherVersion)
    await workers.deregister(conn, worker)
    newer = await has_version(conn, "newer", "3")
    await has_version(conn, "other queue", "2", queues=["other"])
    reason = await why(conn, task_id)
    assert isinstance(reason, OtherVersion)
    assert (reason.needed, reason.able, reason.others) == ("2", 0, [WorkerVersion("newer", "3")])
    assert reason.due_at is not None
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now()")
    reason = await why(conn, task_id)
    assert isinstance(reason, OtherVersion)
    assert reason.due_at is None
    explained = await explain(conn, task_id)
    assert explained is not None
    assert explained.why == (
        "Its steps are of version 2 of its function, which no live worker has: newer has version 3."
    )
    await has_version(conn, "able", "2")
    assert not isinstance(await why(conn, task_id), OtherVersion)
    await workers.deregister(conn, newer)


async def test_a_task_without_steps_has_no_version(conn: Conn) -> None:
    await has_version(conn, "newer", "3")
    [task_id] = await enqueue(conn, queue_name="waits")
    assert isinstance(await why(conn, task_id), AllBusy)
