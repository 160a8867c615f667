"""What a worker asks about its queues: what is paused, what is due, what waits for its time."""

from datetime import UTC, datetime, timedelta

import pytest

from lapinq_core.tasks import backlog, worker_verbs
from tests.support.rows.factories import Conn, enqueue, pause, resume


async def test_paused_queues_are_named_until_they_go_on(conn: Conn) -> None:
    assert await backlog.paused(conn) == []
    for queue in ("a", "b"):
        await pause(conn, queue)
    await resume(conn, "a")
    assert await backlog.paused(conn) == ["b"]


async def make_due(conn: Conn) -> None:
    """What waits for its time need not wait any more, though nobody moved it yet."""
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now()")


@pytest.mark.parametrize("kind", ["delayed", "fire and forget"])
async def test_what_could_start_without_being_ready_is_due(conn: Conn, kind: str) -> None:
    assert not await backlog.is_due(conn, None)
    if kind == "delayed":
        await enqueue(conn, scheduled_at=datetime.now(UTC) + timedelta(hours=1), queue_name="a")
        assert not await backlog.is_due(conn, None)
        await make_due(conn)
    else:
        await enqueue(conn, ttl_seconds=0, queue_name="a")
    for queues, expected in ((None, True), (["a"], True), (["b"], False), (["b", "a"], True)):
        assert await backlog.is_due(conn, queues) is expected
    await pause(conn, "a")
    assert not await backlog.is_due(conn, None)
    assert not await backlog.is_due(conn, ["a"])


async def test_a_parked_task_is_not_due(conn: Conn) -> None:
    await enqueue(conn, scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    await make_due(conn)
    await conn.execute("UPDATE lapinq_delayed SET parked_for = 'add', parked_seq = 1")
    assert not await backlog.is_due(conn, None)
    assert not await backlog.is_due(conn, ["default"])


async def test_what_waits_for_its_time_is_counted(conn: Conn) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    await enqueue(conn, 3, scheduled_at=later, queue_name="a")
    await enqueue(conn, 2, scheduled_at=later, queue_name="b")
    await enqueue(conn, 5, queue_name="a")
    counts = [await backlog.count_delayed(conn, queues) for queues in (None, ["a"], ["b"], ["c"])]
    assert counts == [5, 3, 2, 0]


async def test_fire_and_forget_is_taken_in_the_order_of_the_queues_where_that_is_asked_for(
    conn: Conn,
) -> None:
    for queue, priority in (("c", 9), ("a", 0), ("b", 5), ("a", 3)):
        await enqueue(conn, ttl_seconds=0, queue_name=queue, priority=priority)
    queues = ["b", "a", "c"]
    (first,) = await worker_verbs.claim_transient(conn, queues, 1, in_order=True)
    rest = await worker_verbs.claim_transient(conn, queues, 5, in_order=True)
    held = [(claim.queue_name, -claim.rank) for claim in (first, *rest)]
    assert held == [("b", 5), ("a", 3), ("a", 0), ("c", 9)]


async def test_otherwise_it_is_taken_by_priority(conn: Conn) -> None:
    for queue, priority in (("a", 0), ("c", 9), ("b", 5)):
        await enqueue(conn, ttl_seconds=0, queue_name=queue, priority=priority)
    held = await worker_verbs.claim_transient(conn, ["a", "b", "c"], 5)
    assert [claim.queue_name for claim in held] == ["c", "b", "a"]
