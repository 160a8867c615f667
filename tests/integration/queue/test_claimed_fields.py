"""What a claim brings and keeps: time limits, isolation, the number of the claim; and paused queues."""

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from lapinq_core.domain.claim import Claim
from lapinq_core.domain.decide import Fail, HandBack, Isolation, Retry
from lapinq_core.queue import upkeep, work
from lapinq_core.queue.upkeep import ended_as
from lapinq_core.queue.work import LOWEST_MARK
from tests.support.factories import (
    Conn,
    add_worker,
    attempts,
    claim,
    enqueue,
    make_late,
    pause,
    resume,
    status,
)
from tests.support.invariants import check_invariants
from tests.support.rescue import rescue_all
from tests.support.running import on_connections

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


def test_a_claim_brings_what_a_task_can_learn_of_itself(database: str) -> None:
    async def test(conn: Conn) -> None:
        await enqueue(conn, queue_name="video", **GIVEN)
        (held,) = await claim(conn, await add_worker(conn), queue="video")
        assert (held.timeout, held.queue_name, held.isolation) == (2.5, "video", 0)
        assert msgspec.json.decode(held.metadata) == {"b": [1]}
        assert held.enqueued_at is not None
        assert abs((datetime.fromtimestamp(held.enqueued_at, UTC) - datetime.now(UTC)).total_seconds()) < 60

    on_connections(database, test)


def test_a_task_that_says_nothing_has_no_limit_and_no_metadata(database: str) -> None:
    async def test(conn: Conn) -> None:
        await enqueue(conn)
        (held,) = await claim(conn, await add_worker(conn))
        assert (held.timeout, held.metadata, held.expires_in) == (None, msgspec.Raw(b"null"), None)

    on_connections(database, test)


def test_a_lost_answer_asked_for_again_is_the_same(database: str) -> None:
    async def test(conn: Conn) -> None:
        for given in (GIVEN, {}):
            await enqueue(conn, 2, queue_name="video", **given)
        worker, token = await add_worker(conn), str(uuid.uuid4())
        told = {held.id: fields(held) for held in await claim(conn, worker, 5, "video", token=token)}
        again = {held.id: fields(held) for held in await work.reclaim(conn, worker=worker, token=token)}
        # The place in the queue is not kept with the lease.
        assert again == {task: {**held, "seq": 0} for task, held in told.items()}
        assert len(again) == 4

    on_connections(database, test)


def test_each_claim_has_a_greater_number_than_all_before(database: str) -> None:
    async def test(conn: Conn) -> None:
        (task,) = await enqueue(conn)
        worker = await add_worker(conn)
        seen: list[int] = []
        for _ in range(3):
            (held,) = await claim(conn, worker)
            seen.append(held.claim_seq)
            row = await (await conn.execute("SELECT seq FROM lapinq_running")).fetchone()
            assert row == (held.claim_seq,)
            await work.settle(conn, [ended_as(task, held.token, Retry(0.0, "again"))])
        assert seen == sorted(set(seen))
        assert seen[0] > 0

    on_connections(database, test)


def test_an_attempt_is_overdue_a_margin_after_its_own_limit_or_after_the_lease(database: str) -> None:
    async def test(conn: Conn) -> None:
        (own,) = await enqueue(conn, timeout_seconds=2.5)
        (longest,) = await enqueue(conn, timeout_seconds=315_576_000)
        (plain,) = await enqueue(conn)
        await claim(conn, await add_worker(conn), 3, lease=310.0, margin=7.0)
        assert await seconds_to_deadline(conn, own) == pytest.approx(9.5)  # pyright: ignore[reportUnknownMemberType]
        assert await seconds_to_deadline(conn, longest) == 315_576_007
        assert await seconds_to_deadline(conn, plain) == 310

    on_connections(database, test)


def test_what_the_cluster_ends_at_its_deadline_is_told_the_limit_of_the_task(database: str) -> None:
    async def test(conn: Conn) -> None:
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

    on_connections(database, test)


def test_isolation_goes_with_the_task_and_only_grows(database: str) -> None:
    async def test(conn: Conn) -> None:
        (task,) = await enqueue(conn, max_retries=9)
        worker = await add_worker(conn)

        async def next_claim(expected: Isolation) -> Claim:
            assert await waiting_isolation(conn, task) == expected
            (held,) = await claim(conn, worker)
            assert held.isolation == expected
            (again,) = await work.reclaim(conn, worker=worker, token=held.token)
            assert again.isolation == expected
            return held

        held = await next_claim(Isolation.NONE)
        await work.settle(
            conn, [ended_as(task, held.token, Retry(0.0, "lost", isolation=Isolation.OWN_PROCESS))]
        )
        held = await next_claim(Isolation.OWN_PROCESS)
        await work.release(conn, [held])
        held = await next_claim(Isolation.OWN_PROCESS)
        await work.settle(
            conn, [ended_as(task, held.token, Retry(3600.0, "died", isolation=Isolation.FRESH_PROCESS))]
        )
        await make_due(conn)
        held = await next_claim(Isolation.FRESH_PROCESS)
        # Neither a mere failure, nor a lost worker, nor a snooze takes any of it back.
        await work.settle(conn, [ended_as(task, held.token, Retry(0.0, "no"))])
        held = await next_claim(Isolation.FRESH_PROCESS)
        await work.settle(
            conn, [ended_as(task, held.token, Retry(0.0, "lost", isolation=Isolation.OWN_PROCESS))]
        )
        held = await next_claim(Isolation.FRESH_PROCESS)
        await work.settle(conn, [ended_as(task, held.token, HandBack("snoozed for 60 s", 60.0))])
        await make_due(conn)
        await next_claim(Isolation.FRESH_PROCESS)

    on_connections(database, test)


def test_a_task_whose_worker_was_lost_runs_in_a_process_of_its_own(database: str) -> None:
    async def test(conn: Conn) -> None:
        (task,) = await enqueue(conn)
        dead = await add_worker(conn)
        await claim(conn, dead)
        await make_late(conn, dead)
        assert await rescue_all(conn) == {task: "default"}
        (held,) = await claim(conn, await add_worker(conn))
        assert (held.attempt, held.isolation) == (2, Isolation.OWN_PROCESS)

    on_connections(database, test)


async def make_due(conn: Conn) -> None:
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now() - interval '1 second'")
    assert (await upkeep.promote(conn))[0] == 1


@pytest.mark.parametrize("max_retries", [0, 1])
def test_a_snooze_waits_its_time_and_gives_the_start_back(database: str, max_retries: int) -> None:
    async def test(conn: Conn) -> None:
        (task,) = await enqueue(conn, max_retries=max_retries)
        worker = await add_worker(conn)
        for _ in range(3):
            (held,) = await claim(conn, worker)
            assert held.attempt == 1
            snooze = HandBack("snoozed for 3600 s", 3600.0)
            assert await work.settle(conn, [ended_as(task, held.token, snooze)]) == {task: None}
            assert await status(conn, task) == "pending"
            assert await claim(conn, worker) == []
            row = await (
                await conn.execute(
                    "SELECT extract(epoch FROM due_at - lapinq_now())::float8, starts FROM lapinq_delayed"
                )
            ).fetchone()
            assert row is not None
            assert 3500 < row[0] <= 3600
            assert row[1] == 0
            await make_due(conn)
        (held,) = await claim(conn, worker)
        await work.settle(conn, [ended_as(task, held.token, Fail("no"))])
        shown = await attempts(conn, task)
        assert [each["outcome"] for each in shown] == ["released"] * 3 + ["failed"]
        assert {each["attempt"] for each in shown} == {1}
        check_invariants(database, [task])

    on_connections(database, test)


def test_a_snoozed_task_still_expires(database: str) -> None:
    async def test(conn: Conn) -> None:
        (task,) = await enqueue(conn, ttl_seconds=1000)
        (held,) = await claim(conn, await add_worker(conn))
        await work.settle(conn, [ended_as(task, held.token, HandBack("snoozed", 3600.0))])
        await conn.execute("UPDATE lapinq_delayed SET expires_at = lapinq_now()")
        assert await upkeep.expire(conn) == 1
        assert await status(conn, task) == "expired"
        check_invariants(database, [task])

    on_connections(database, test)


def test_nothing_is_claimed_of_a_paused_queue_until_it_goes_on(database: str) -> None:
    async def test(conn: Conn) -> None:
        paused = await enqueue(conn, 2, queue_name="paused")
        await enqueue(conn, queue_name="other")
        worker = await add_worker(conn)
        marks: dict[str, tuple[int, int]] = {"paused": LOWEST_MARK, "other": LOWEST_MARK}
        await pause(conn, "paused")
        assert await claim(conn, worker, 5, "paused") == []
        assert await work.discover(conn) == {"other": 0}
        assert await work.heads(conn, marks) == {"other": 0}
        assert len(await claim(conn, worker, 5, "other")) == 1
        assert [await status(conn, task) for task in paused] == ["pending"] * 2

        await resume(conn, "paused")
        assert await work.discover(conn) == {"paused": 0}
        assert await work.heads(conn, marks) == {"paused": 0}
        assert [held.id for held in await claim(conn, worker, 5, "paused")] == paused

    on_connections(database, test)


def test_what_runs_of_a_queue_that_is_paused_meanwhile_ends_as_usual(database: str) -> None:
    async def test(conn: Conn) -> None:
        ids = await enqueue(conn, 2)
        worker = await add_worker(conn)
        one, other = await claim(conn, worker, 2)
        await pause(conn, "default")
        await work.settle(conn, [ended_as(one.id, one.token, Retry(0.0, "again"))])
        await work.release(conn, [other])
        assert await claim(conn, worker, 2) == []
        await resume(conn, "default")
        assert sorted(held.id for held in await claim(conn, worker, 2)) == ids

    on_connections(database, test)


def test_fire_and_forget_brings_its_limit_its_metadata_and_its_queue(database: str) -> None:
    async def test(conn: Conn) -> None:
        await enqueue(conn, queue_name="video", ttl_seconds=0, timeout_seconds=2.5, metadata={"a": 1})
        await enqueue(conn, queue_name="mail", ttl_seconds=0)
        held = {one.queue_name: one for one in await work.claim_transient(conn, None, 5)}
        assert set(held) == {"video", "mail"}
        assert (held["video"].timeout, held["mail"].timeout) == (2.5, None)
        assert msgspec.json.decode(held["video"].metadata) == {"a": 1}
        assert bytes(held["mail"].metadata) == b"null"
        for one in held.values():
            assert one.is_transient
            assert (one.attempt, one.max_retries, one.claim_seq, one.enqueued_at) == (1, 0, 0, None)
            assert (one.isolation, one.expires_in, one.token) == (0, None, "")

    on_connections(database, test)


@pytest.mark.parametrize("queues", [None, ["paused", "other"]])
def test_fire_and_forget_waits_in_a_paused_queue_too(database: str, queues: list[str] | None) -> None:
    async def test(conn: Conn) -> None:
        for queue in ("paused", "other"):
            await enqueue(conn, queue_name=queue, ttl_seconds=0)
        await pause(conn, "paused")
        assert [held.queue_name for held in await work.claim_transient(conn, queues, 5)] == ["other"]
        assert await work.claim_transient(conn, queues, 5) == []
        await resume(conn, "paused")
        assert [held.queue_name for held in await work.claim_transient(conn, queues, 5)] == ["paused"]

    on_connections(database, test)
