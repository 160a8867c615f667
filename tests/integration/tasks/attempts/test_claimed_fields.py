"""What a claim brings and keeps: time limits, isolation, the number of the claim."""

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from lapinq_core.db.rows import first_value
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Isolation, Release, Retry
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.rows.factories import Conn, add_worker, attempts, claim, enqueue, make_delayed_ready
from tests.support.rows.rescue import rescue_all

GIVEN: dict[str, Any] = {
    "args": [1],
    "kwargs": {"a": "ü"},
    "metadata": {"b": [1]},
    "timeout_seconds": 2.5,
    "priority": 3,
}


async def seconds_to_deadline(conn: Conn, task_id: str) -> float:
    cursor = await conn.execute(
        "SELECT extract(epoch FROM deadline_at - claimed_at)::float8 FROM lapinq_running WHERE id = %s",
        (task_id,),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


async def waiting_isolation(conn: Conn, task_id: str) -> int:
    cursor = await conn.execute(
        "SELECT isolation FROM lapinq_ready WHERE id = %(id)s"
        " UNION ALL SELECT isolation FROM lapinq_delayed WHERE id = %(id)s",
        {"id": task_id},
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


def fields(held: Claim) -> dict[str, Any]:
    return {
        name: bytes(value) if isinstance(value, msgspec.Raw) else value
        for name, value in msgspec.structs.asdict(held).items()
    }


async def test_a_claim_brings_what_a_task_can_learn_of_itself(conn: Conn) -> None:
    await enqueue(conn, queue_name="video", **GIVEN)
    (held,) = await claim(conn, await add_worker(conn), queue="video")
    assert (held.timeout, held.queue_name, held.isolation) == (2.5, "video", 0)
    assert msgspec.json.decode(held.metadata) == {"b": [1]}
    assert held.enqueued_at is not None
    assert abs((datetime.fromtimestamp(held.enqueued_at, UTC) - datetime.now(UTC)).total_seconds()) < 60


async def test_a_task_that_says_nothing_has_no_limit_and_no_metadata(conn: Conn) -> None:
    await enqueue(conn)
    (held,) = await claim(conn, await add_worker(conn))
    assert (held.timeout, held.metadata, held.expires_in) == (None, msgspec.Raw(b"null"), None)


async def test_a_lost_answer_asked_for_again_is_the_same(conn: Conn) -> None:
    for given in (GIVEN, {}):
        await enqueue(conn, 2, queue_name="video", **given)
    worker, token = await add_worker(conn), str(uuid.uuid4())
    told = {held.id: fields(held) for held in await claim(conn, worker, 5, "video", token=token)}
    again = {held.id: fields(held) for held in await worker_verbs.reclaim(conn, worker=worker, token=token)}
    # The place in the queue is not kept with the lease.
    assert again == {task: {**held, "seq": 0} for task, held in told.items()}
    assert len(again) == 4


async def test_each_claim_has_a_greater_number_than_all_before(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    worker = await add_worker(conn)
    seen: list[int] = []
    for _ in range(3):
        (held,) = await claim(conn, worker)
        seen.append(held.claim_seq)
        assert await first_value(conn, "SELECT seq FROM lapinq_running") == held.claim_seq
        await worker_verbs.settle(conn, [ended_as(task, held.token, Retry(0.0, "again"))])
    assert seen == sorted(set(seen))
    assert seen[0] > 0


async def test_an_attempt_is_overdue_a_margin_after_its_own_limit_or_after_the_lease(conn: Conn) -> None:
    (own,) = await enqueue(conn, timeout_seconds=2.5)
    (longest,) = await enqueue(conn, timeout_seconds=315_576_000)
    (plain,) = await enqueue(conn)
    await claim(conn, await add_worker(conn), 3, lease=310.0, margin=7.0)
    assert await seconds_to_deadline(conn, own) == pytest.approx(9.5)  # pyright: ignore[reportUnknownMemberType]
    assert await seconds_to_deadline(conn, longest) == 315_576_007
    assert await seconds_to_deadline(conn, plain) == 310


async def test_what_the_cluster_ends_at_its_deadline_is_told_the_limit_of_the_task(conn: Conn) -> None:
    (own,) = await enqueue(conn, timeout_seconds=5, max_retries=0)
    (plain,) = await enqueue(conn, max_retries=0)
    await claim(conn, await add_worker(conn), 2)
    await conn.execute(
        "UPDATE lapinq_running SET claimed_at = lapinq_now() - interval '99 seconds',"
        " deadline_at = lapinq_now() - interval '1 second'"
    )
    await rescue_all(conn)
    assert (await attempts(conn, own))[0]["error"] == "time limit of 5 s reached"
    assert (await attempts(conn, plain))[0]["error"].startswith("time limit of 99")


async def test_isolation_goes_with_the_task_and_only_grows(conn: Conn) -> None:
    (task,) = await enqueue(conn, max_retries=9)
    worker = await add_worker(conn)

    async def next_claim(expected: Isolation) -> Claim:
        assert await waiting_isolation(conn, task) == expected
        (held,) = await claim(conn, worker)
        assert held.isolation == expected
        (again,) = await worker_verbs.reclaim(conn, worker=worker, token=held.token)
        assert again.isolation == expected
        return held

    held = await next_claim(Isolation.NONE)
    await worker_verbs.settle(
        conn, [ended_as(task, held.token, Retry(0.0, "lost", isolation=Isolation.SUSPECTED))]
    )
    held = await next_claim(Isolation.SUSPECTED)
    await worker_verbs.release(conn, [held])
    held = await next_claim(Isolation.SUSPECTED)
    await worker_verbs.settle(
        conn, [ended_as(task, held.token, Retry(3600.0, "died", isolation=Isolation.ISOLATED))]
    )
    await make_delayed_ready(conn)
    held = await next_claim(Isolation.ISOLATED)
    # Neither a mere failure, nor a lost worker, nor a snooze takes any of it back.
    await worker_verbs.settle(conn, [ended_as(task, held.token, Retry(0.0, "no"))])
    held = await next_claim(Isolation.ISOLATED)
    await worker_verbs.settle(
        conn, [ended_as(task, held.token, Retry(0.0, "lost", isolation=Isolation.SUSPECTED))]
    )
    held = await next_claim(Isolation.ISOLATED)
    await worker_verbs.settle(conn, [ended_as(task, held.token, Release("snoozed for 60 s", 60.0))])
    await make_delayed_ready(conn)
    await next_claim(Isolation.ISOLATED)


async def test_fire_and_forget_brings_its_limit_its_metadata_and_its_queue(conn: Conn) -> None:
    await enqueue(conn, queue_name="video", ttl_seconds=0, timeout_seconds=2.5, metadata={"a": 1})
    await enqueue(conn, queue_name="mail", ttl_seconds=0)
    held = {one.queue_name: one for one in await worker_verbs.claim_transient(conn, None, 5)}
    assert set(held) == {"video", "mail"}
    assert (held["video"].timeout, held["mail"].timeout) == (2.5, None)
    assert msgspec.json.decode(held["video"].metadata) == {"a": 1}
    assert bytes(held["mail"].metadata) == b"null"
    for one in held.values():
        assert one.is_transient
        assert (one.attempt, one.max_retries, one.claim_seq, one.enqueued_at) == (1, 0, 0, None)
        assert (one.isolation, one.expires_in, one.token) == (0, None, "")
