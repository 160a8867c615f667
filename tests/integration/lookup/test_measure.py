"""What the metrics ask of the queues."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lapinq_core.domain.tasks.state import Status
from lapinq_core.figures import alerts
from lapinq_core.lookup.measure import measure
from lapinq_core.tasks import actions, queues, worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from lapinq_core.upkeep import maintenance_jobs
from tests.integration.tasks.test_inspect import one_of_each
from tests.integration.tasks.test_plans import fill
from tests.support.database.plans import nodes, plan, touched
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue, pause


async def make_older(conn: Conn, queue: str, seconds: float) -> None:
    await conn.execute(
        "UPDATE lapinq_tasks SET created_at = created_at - %s * interval '1 second' WHERE queue_name = %s",
        (seconds, queue),
    )


async def test_every_status_is_counted_by_queue_and_those_with_the_most_to_do_are_told_apart(
    conn: Conn,
) -> None:
    measures = await measure(conn, 200)
    assert (measures.counts, measures.ages, measures.overdue) == ({}, {}, 0.0)
    await one_of_each(conn, queue="a")
    for number in range(1, 10):
        await enqueue(conn, number + 1, queue_name=f"queue {number}")
    # What runs counts as much as what waits.
    await claim(conn, await add_worker(conn), 10, queue="queue 9")
    counts = (await measure(conn, 200)).counts
    assert counts["a"] == dict.fromkeys(Status, 1)
    assert counts["queue 1"] == {**dict.fromkeys(Status, 0), Status.PENDING: 2}
    assert len(counts) == 10
    counts = (await measure(conn, 2)).counts
    assert set(counts) == {"queue 8", "queue 9", None}
    assert counts[None][Status.PENDING] == sum(range(2, 9)) + 1
    assert counts["queue 9"][Status.RUNNING] == 10


async def test_the_age_is_that_of_the_first_in_line(conn: Conn) -> None:
    await enqueue(conn, queue_name="old")
    await make_older(conn, "old", 100)
    await enqueue(conn, queue_name="old", priority=-1)
    await make_older(conn, "old", 100)
    await enqueue(conn, queue_name="new")
    await enqueue(conn, queue_name="paused")
    await make_older(conn, "paused", 50)
    await pause(conn, "paused")
    # It counts from when it was due, and not before.
    await enqueue(conn, queue_name="due", scheduled_at=datetime.now(UTC) - timedelta(seconds=30))
    await make_older(conn, "due", 1000)
    await enqueue(conn, queue_name="later", scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    assert (await measure(conn, 200)).ages == {
        "old": pytest.approx(200, abs=5),
        "new": pytest.approx(0, abs=5),
        "paused": pytest.approx(50, abs=5),
        "due": pytest.approx(30, abs=5),
    }
    for queue, waited in (("old", 200), ("due", 30)):
        [held] = await claim(conn, await add_worker(conn), queue=queue)
        assert held.waited == pytest.approx(waited, abs=5), "a claim tells the same"


async def test_paused_queues_are_those_that_are_told_apart(conn: Conn) -> None:
    for name, count in {"a": 3, "b": 3, "small": 1}.items():
        await enqueue(conn, count, queue_name=name)
    for name in ("a", "small", "without tasks"):
        await pause(conn, name)
    assert (await measure(conn, 200)).paused == {"a", "small"}
    assert (await measure(conn, 2)).paused == {"a"}


async def test_what_is_due_and_not_made_ready_is_overdue_unless_it_is_parked(conn: Conn) -> None:
    parked, *due = await enqueue(conn, 3, scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    assert (await measure(conn, 200)).overdue == 0
    await conn.execute(
        "UPDATE lapinq_delayed SET due_at = lapinq_now() - interval '60 s', parked_for = 'add', parked_seq = 1"
        " WHERE id = %s",
        (parked,),
    )
    assert (await measure(conn, 200)).overdue == 0
    for ago, task_id in enumerate(due, 1):
        await conn.execute(
            "UPDATE lapinq_delayed SET due_at = lapinq_now() - %s * interval '10 s' WHERE id = %s",
            (ago, task_id),
        )
    assert (await measure(conn, 200)).overdue == pytest.approx(20, abs=5)


async def test_a_webhook_that_is_due_and_not_delivered_is_overdue(database: str, conn: Conn) -> None:
    await enqueue(conn, 3, webhook_url="http://127.0.0.1/")
    await complete(conn, await claim(conn, await add_worker(conn), 3))
    await conn.execute("UPDATE lapinq_webhooks SET due_at = lapinq_now() - seq * interval '20 seconds'")
    await conn.execute("UPDATE lapinq_webhooks SET state = 'given_up' WHERE seq = 3")
    assert (await measure(conn, 200)).webhooks_overdue == pytest.approx(40, abs=5)
    await conn.execute("UPDATE lapinq_webhooks SET due_at = lapinq_now() + interval '1 hour'")
    assert (await measure(conn, 200)).webhooks_overdue == 0


async def test_a_task_that_was_requeued_or_run_now_waits_from_then_on(conn: Conn) -> None:
    worker = await add_worker(conn, queues=["nothing"])
    [failed] = await enqueue(conn, queue_name="a")
    await make_older(conn, "a", 500)
    [held] = await claim(conn, worker, queue="a")
    await worker_verbs.settle(conn, [Ended(failed, held.token, True, True, 0, "ValueError: no")])
    await actions.requeue(conn, failed, by="lisa")
    [scheduled] = await enqueue(conn, queue_name="b", scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    await make_older(conn, "b", 500)
    await actions.run_now(conn, scheduled)
    moment = datetime.now(UTC)

    ages = (await measure(conn, 200)).ages
    assert ages == {"a": pytest.approx(0, abs=5), "b": pytest.approx(0, abs=5)}
    unserved = {queue.queue_name: queue.seconds for queue in await alerts.find_unserved(conn)}
    assert unserved == {"a": pytest.approx(0, abs=5), "b": pytest.approx(0, abs=5)}
    starts = [await queues.get_queue(conn, "a"), (await queues.list_queues(conn))[0][1]]
    for queue in starts:
        assert queue is not None
        assert queue.waiting_since is not None
        assert abs((moment - queue.waiting_since).total_seconds()) < 5

    [held] = await claim(conn, worker, queue="a")
    [other] = await claim(conn, worker, queue="b")
    again = [await worker_verbs.reclaim(conn, worker=worker, token=one.token) for one in (held, other)]
    for one in (held, other, again[0][0]):
        assert one.waited == pytest.approx(0, abs=5)


async def test_a_retry_waits_from_when_it_was_due_and_a_release_changes_no_wait(conn: Conn) -> None:
    worker = await add_worker(conn, queues=["nothing"])
    for queue, delay in (("delayed", 60), ("immediate", 0)):
        [failed] = await enqueue(conn, queue_name=queue)
        [held] = await claim(conn, worker, queue=queue)
        await worker_verbs.settle(conn, [Ended(failed, held.token, False, True, delay, "ValueError: no")])
        await make_older(conn, queue, 500)
    await conn.execute("UPDATE lapinq_delayed SET due_at = due_at - interval '1 minute'")
    await maintenance_jobs.promote(conn)
    fresh = {"delayed": pytest.approx(0, abs=5), "immediate": pytest.approx(0, abs=5)}
    assert (await measure(conn, 200)).ages == fresh

    await enqueue(conn, queue_name="first")
    await make_older(conn, "first", 500)
    [early] = await enqueue(conn, queue_name="early", scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    await actions.run_now(conn, early)
    for queue in ("delayed", "immediate", "first", "early"):
        await worker_verbs.release(conn, await claim(conn, worker, queue=queue))
    fresh |= {"early": pytest.approx(0, abs=5)}
    assert (await measure(conn, 200)).ages == fresh | {"first": pytest.approx(500, abs=5)}


def indexes_of(plan: dict[str, Any]) -> set[str]:
    return {node["Index Name"] for node in nodes(plan) if "Index Name" in node}


async def test_it_touches_a_row_or_two_a_queue_however_many_wait(conn: Conn) -> None:
    await fill(conn)
    ages = await plan(conn, "waiting_since", {"queues": ["busy", "default", "other"]})
    assert touched(ages) <= 12
    assert "lapinq_ready_claim" in indexes_of(ages)
