"""What a claim brings and keeps: time limits, isolation, the number of the claim."""

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Isolation, Retry
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.rows.factories import Conn, add_worker, attempts, claim, enqueue
from tests.support.rows.rescue import rescue_all


def fields(held: Claim) -> dict[str, Any]:
    return {
        name: bytes(value) if isinstance(value, msgspec.Raw) else value
        for name, value in msgspec.structs.asdict(held).items()
    }


async def test_a_claim_brings_what_the_function_needs_and_a_lost_answer_is_told_again(conn: Conn) -> None:
    given: dict[str, Any] = {
        "args": [1, "zwei", None, [3.5]],
        "kwargs": {"a": {"b": "ü"}},
        "metadata": {"b": [1]},
        "timeout_seconds": 2.5,
        "max_retries": 7,
        "retry_delay": 2.5,
        "priority": 3,
    }
    for values in (given, {}):
        await enqueue(conn, queue_name="video", **values)
    await conn.execute("UPDATE lapinq_ready SET isolation = 1 WHERE rank < 0")
    worker, token = await add_worker(conn), str(uuid.uuid4())
    held, plain = await claim(conn, worker, 5, "video", token=token)
    assert bytes(held.args) == b'[1,"zwei",null,[3.5]]'
    assert bytes(held.kwargs) == '{"a":{"b":"ü"}}'.encode()
    assert msgspec.json.decode(held.metadata) == {"b": [1]}
    assert (held.task_name, held.module_path) == ("add", "tests.support.sample.tasks")
    assert (held.attempt, held.max_retries, held.retry_delay, held.retry_backoff) == (1, 7, 2.5, True)
    assert (held.timeout, held.queue_name, held.isolation) == (2.5, "video", Isolation.SUSPECTED)
    assert held.enqueued_at is not None
    assert abs((datetime.fromtimestamp(held.enqueued_at, UTC) - datetime.now(UTC)).total_seconds()) < 60
    assert (plain.timeout, plain.metadata, plain.expires_in) == (None, msgspec.Raw(b"null"), None)

    told = {one.id: fields(one) for one in (held, plain)}
    again = {one.id: fields(one) for one in await worker_verbs.reclaim(conn, worker=worker, token=token)}
    # The place in the queue is not kept with the lease.
    assert again == {task: {**one, "seq": 0} for task, one in told.items()}
    assert await worker_verbs.reclaim(conn, worker=str(uuid.uuid4()), token=token) == []


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
    (own,) = await enqueue(conn, timeout_seconds=2.5, max_retries=0)
    await enqueue(conn, timeout_seconds=315_576_000)
    (plain,) = await enqueue(conn, max_retries=0)
    await claim(conn, await add_worker(conn), 3, lease=310.0, margin=7.0)
    times = "SELECT extract(epoch FROM deadline_at - claimed_at)::float8 FROM lapinq_running ORDER BY id"
    found = [seconds for (seconds,) in await all_rows(conn, times)]
    assert found == [pytest.approx(9.5), 315_576_007, 310]
    # What the cluster ends then is told the limit of the task.
    await conn.execute(
        "UPDATE lapinq_running SET claimed_at = lapinq_now() - interval '99 seconds',"
        " deadline_at = lapinq_now() - interval '1 second'"
    )
    await rescue_all(conn)
    assert (await attempts(conn, own))[0]["error"] == "time limit of 2.5 s reached"
    assert (await attempts(conn, plain))[0]["error"].startswith("time limit of 99")


async def test_fire_and_forget_brings_its_limit_its_metadata_and_its_queue(conn: Conn) -> None:
    await enqueue(conn, queue_name="video", ttl_seconds=0, timeout_seconds=2.5, metadata={"a": 1})
    await enqueue(conn, queue_name="mail", ttl_seconds=0)
    held = {one.queue_name: one for one in (await worker_verbs.claim_transient(conn, None, 5)).claims}
    assert set(held) == {"video", "mail"}
    assert (held["video"].timeout, held["mail"].timeout) == (2.5, None)
    assert msgspec.json.decode(held["video"].metadata) == {"a": 1}
    assert bytes(held["mail"].metadata) == b"null"
    for one in held.values():
        assert one.is_transient
        assert (one.attempt, one.max_retries, one.claim_seq, one.enqueued_at) == (1, 0, 0, None)
        assert (one.isolation, one.expires_in, one.token) == (0, None, "")
