"""Pausing and resuming a queue, and what is told of it."""

import msgspec

from lapinq_core.limits.policies import QueuePolicy
from lapinq_core.people import audit
from lapinq_core.people.audit_filters import AuditFilter
from lapinq_core.tasks import queues
from lapinq_core.tasks.queues import QueueDetails
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, beat, claim, enqueue


def _active(name: str, pending: int = 0) -> QueueDetails:
    """A queue without limits that is not paused, and in which nothing runs or has ended."""
    return QueueDetails(name, pending, 0, 0, 0, 0, 0, None, None, None, None, [], policy=QueuePolicy())


def _counts(queue: QueueDetails | None) -> QueueDetails | None:
    """Without what depends on the workers and the time."""
    return None if queue is None else msgspec.structs.replace(queue, waiting_since=None, workers=[])


async def noted(conn: Conn) -> list[tuple[str, str | None, dict[str, object] | None]]:
    entries, _ = await audit.list_entries(conn, AuditFilter(), 50)
    return [(entry.action, entry.target, entry.details) for entry in reversed(entries)]


async def test_a_queue_is_paused_once_and_the_first_to_have_paused_it_is_kept(conn: Conn) -> None:
    await enqueue(conn, 2, queue_name="mail")
    first = await queues.pause(conn, "mail", "out of stamps", by=SOMEBODY)
    assert first is not None
    assert (first.paused_by, first.pause_reason, first.pending) == ("lisa", "out of stamps", 2)
    assert await claim(conn, await add_worker(conn), queue="mail") == []
    later = msgspec.structs.replace(SOMEBODY, actor="max")
    again = await queues.pause(conn, "mail", "me too", by=later)
    assert _counts(again) == _counts(first)

    was_paused, state = await queues.resume(conn, "mail", by=SOMEBODY)
    assert was_paused
    assert _counts(state) == _active("mail", pending=2)
    assert await queues.resume(conn, "mail", by=later) == (False, state)
    assert await queues.resume(conn, "new", by=SOMEBODY) == (False, None)
    assert await noted(conn) == [
        ("queue.pause", "mail", {"reason": "out of stamps"}),
        ("queue.resume", "mail", None),
    ]
    assert len(await claim(conn, await add_worker(conn), queue="mail")) == 1


async def test_a_queue_says_who_claims_its_tasks(conn: Conn) -> None:
    for name, served in (("all", None), ("mail", ["mail"]), ("video", ["video"]), ("late", None)):
        await add_worker(conn, name=name, queues=served)
    await beat(conn, await add_worker(conn, name="quiet"), is_quiet=True)
    await conn.execute(
        "UPDATE lapinq_workers SET beat_at = lapinq_now() - interval '31 s' WHERE name = 'late'"
    )
    empty = await queues.pause(conn, "mail", None, by=SOMEBODY)
    assert empty is not None
    assert (empty.workers, empty.waiting_since) == (["all", "mail"], None)
