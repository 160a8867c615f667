"""What a worker asks about its queues: what is paused, what is due, what waits for its time."""

from datetime import UTC, datetime, timedelta

import pytest

from lapinq_core.tasks import backlog, worker_verbs
from tests.support.rows.factories import Conn, enqueue, pause, resume

LATER = datetime.now(UTC) + timedelta(days=1)


async def test_paused_queues_are_named_until_they_go_on(conn: Conn) -> None:
    assert await backlog.paused(conn) == []
    for queue in ("a", "b"):
        await pause(conn, queue)
    await resume(conn, "a")
    assert await backlog.paused(conn) == ["b"]


@pytest.mark.parametrize("kind", ["delayed", "fire and forget"])
async def test_what_could_start_without_being_ready_is_due(conn: Conn, kind: str) -> None:
    assert not await backlog.is_due(conn, None)
    if kind == "delayed":
        await enqueue(conn, scheduled_at=LATER, queue_name="a")
        assert not await backlog.is_due(conn, None)
        parked = "UPDATE lapinq_delayed SET due_at = lapinq_now(), parked_for = 'add', parked_seq = 1"
        await conn.execute(parked)
        assert not await backlog.is_due(conn, None)
        assert not await backlog.is_due(conn, ["a"])
        await conn.execute("UPDATE lapinq_delayed SET parked_for = NULL, parked_seq = NULL")
    else:
        await enqueue(conn, ttl_seconds=0, queue_name="a")
    for queues, expected in ((None, True), (["a"], True), (["b"], False), (["b", "a"], True)):
        assert await backlog.is_due(conn, queues) is expected
    await pause(conn, "a")
    assert not await backlog.is_due(conn, None)
    assert not await backlog.is_due(conn, ["a"])


async def test_what_waits_for_its_time_is_counted(conn: Conn) -> None:
    await enqueue(conn, 3, scheduled_at=LATER, queue_name="a")
    await enqueue(conn, 2, scheduled_at=LATER, queue_name="b")
    await enqueue(conn, 5, queue_name="a")
    counts = [await backlog.count_delayed(conn, queues) for queues in (None, ["a"], ["b"], ["c"])]
    assert counts == [5, 3, 2, 0]


async def test_fire_and_forget_is_taken_by_priority_or_in_the_order_of_the_queues(conn: Conn) -> None:
    queues = ["b", "a", "c"]
    for in_order, expected in (
        (True, [("b", 5), ("a", 3), ("a", 0), ("c", 9)]),
        (False, [("c", 9), ("b", 5), ("a", 3), ("a", 0)]),
    ):
        for queue, priority in (("c", 9), ("a", 0), ("b", 5), ("a", 3)):
            await enqueue(conn, ttl_seconds=0, queue_name=queue, priority=priority)
        held = [
            claim
            for limit in (1, 5)
            for claim in (await worker_verbs.claim_transient(conn, queues, limit, in_order=in_order)).claims
        ]
        assert [(claim.queue_name, -claim.rank) for claim in held] == expected, in_order
