"""Nothing is claimed of a queue that is paused, and what runs of it goes on."""

from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.claiming import LOWEST_MARK
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.rows.factories import Conn, add_worker, claim, enqueue, pause, resume, status


async def test_nothing_is_claimed_of_a_paused_queue_until_it_goes_on(database: str, conn: Conn) -> None:
    paused = await enqueue(conn, 2, queue_name="paused")
    await enqueue(conn, queue_name="other")
    worker = await add_worker(conn)
    marks: dict[str, tuple[int, int]] = {"paused": LOWEST_MARK, "other": LOWEST_MARK}
    await pause(conn, "paused")
    assert await claim(conn, worker, 5, "paused") == []
    assert await worker_verbs.discover(conn) == {"other": (0, 3)}
    assert await worker_verbs.heads(conn, marks) == {"other": (0, 3)}
    assert len(await claim(conn, worker, 5, "other")) == 1
    assert [await status(conn, task) for task in paused] == ["pending"] * 2

    await resume(conn, "paused")
    assert await worker_verbs.discover(conn) == {"paused": (0, 1)}
    assert await worker_verbs.heads(conn, marks) == {"paused": (0, 1)}
    claims = await claim(conn, worker, 5, "paused")
    assert [held.id for held in claims] == paused

    # What runs of a queue that is paused meanwhile ends as usual.
    await pause(conn, "paused")
    one, other = claims
    await worker_verbs.settle(conn, [ended_as(one.id, one.token, Retry(0.0, "again"))])
    await worker_verbs.release(conn, [other])
    assert await claim(conn, worker, 2, "paused") == []
    await resume(conn, "paused")
    assert sorted(held.id for held in await claim(conn, worker, 2, "paused")) == paused


async def test_fire_and_forget_waits_in_a_paused_queue_too(conn: Conn) -> None:
    asked: list[list[str] | None] = [None, ["paused", "other"]]
    for queues in asked:
        for queue in ("paused", "other"):
            await enqueue(conn, queue_name=queue, ttl_seconds=0)
        await pause(conn, "paused")
        assert [held.queue_name for held in (await worker_verbs.claim_transient(conn, queues, 5)).claims] == [
            "other"
        ]
        assert (await worker_verbs.claim_transient(conn, queues, 5)).claims == []
        await resume(conn, "paused")
        assert [held.queue_name for held in (await worker_verbs.claim_transient(conn, queues, 5)).claims] == [
            "paused"
        ]
