"""Which ready tasks of a queue with a policy a drain works on, and which wait for a time."""

import psycopg

from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.limits.breakers import put_breaker
from lapinq_core.tasks import backlog, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.integration.lapinq_worker.desk import task_of
from tests.integration.limits.test_lanes import govern
from tests.integration.lookup.why.test_what_blocks import limit
from tests.support.database.invariants import statuses
from tests.support.programs.processes import WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import Conn, add_worker, claim, enqueue
from tests.support.sample import tasks


async def startable(conn: Conn, *queues: str) -> bool:
    return await backlog.is_startable(conn, list(queues or ["default"]))


async def test_what_a_named_limit_or_an_open_breaker_holds_back_is_no_work(conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn)
    assert await startable(conn, "unknown", "default")
    await claim(conn, worker, 10)

    await limit(conn, "openai", rate='{"limit": 10, "period_seconds": 3600, "burst": 10}')
    await enqueue(conn, 2, limits={"openai": 10})
    assert len(await claim(conn, worker, 10)) == 1
    assert not await startable(conn)  # it waits for units
    await conn.execute("UPDATE lapinq_limits SET tokens = 10")
    assert await startable(conn)
    await conn.execute("UPDATE lapinq_limits SET max_running = 1")
    assert not await startable(conn)  # another task has the place
    await conn.execute("UPDATE lapinq_limits SET max_running = NULL, tokens = 5")
    assert not await startable(conn)
    await conn.execute("INSERT INTO lapinq_limit_news (limit_name, units) VALUES ('openai', 5)")
    assert await startable(conn)  # no claim has read yet that they came back
    await conn.execute("DELETE FROM lapinq_limit_news")
    await conn.execute(
        "UPDATE lapinq_limits SET tokens = 10, closed_until = lapinq_now() + interval '1 hour'"
    )
    assert not await startable(conn)
    await conn.execute("UPDATE lapinq_limits SET closed_until = NULL")
    assert await startable(conn)
    await conn.execute(
        "INSERT INTO lapinq_limit_news (limit_name, units, closed_until)"
        " VALUES ('openai', 0, lapinq_now() + interval '1 hour')"
    )
    assert not await startable(conn)  # no claim has read yet that it is closed
    await conn.execute("DELETE FROM lapinq_limit_news")
    await conn.execute("""UPDATE lapinq_limits SET rate = '{"limit": 10, "period_seconds": 9, "burst": 5}'""")
    assert not await startable(conn)  # it needs more than there ever is
    await conn.execute("DELETE FROM lapinq_limits")
    assert await startable(conn)

    await put_breaker(conn, "queue", "default", BreakerRule(failures_in_row=1))
    await conn.execute(
        "UPDATE lapinq_circuit_breakers SET state = 'open', tries_at = lapinq_now() + interval '1 minute',"
        " opened_at = lapinq_now(), pause_seconds = 60, failures = 1"
    )
    assert not await startable(conn)
    await conn.execute("UPDATE lapinq_circuit_breakers SET tries_at = lapinq_now()")
    assert await startable(conn)


async def test_the_rate_of_the_queue_itself_is_worth_waiting_for(conn: Conn) -> None:
    worker = await add_worker(conn)
    await govern(conn, rate='{"limit": 1, "period_seconds": 3600, "burst": 1}')
    await enqueue(conn, 2)
    assert len(await claim(conn, worker, 10)) == 1
    assert await startable(conn)


async def test_a_place_is_worth_waiting_for_and_a_retry_in_strict_order_is_not(conn: Conn) -> None:
    worker = await add_worker(conn)
    await govern(conn, start_order="strict_per_key")
    await enqueue(conn, 2, key="a")
    [head] = await claim(conn, worker, 10)
    assert await startable(conn)  # as soon as the head ends
    await worker_verbs.settle(conn, [ended_as(head.id, head.token, Retry(3600.0, "no", None))])
    await claim(conn, worker, 10)
    assert not await startable(conn)
    await enqueue(conn, 1, key="b")
    assert await startable(conn)


def test_a_worker_that_drains_leaves_what_named_limits_hold_back_and_says_why(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as db:
        db.execute(
            "INSERT INTO lapinq_limits (name, max_running, rate, created_at, closed_until) VALUES"
            " ('open', 1, NULL, now(), NULL), ('shut', 1, NULL, now(), lapinq_now() + interval '1 hour'),"
            """ ('used', NULL, '{"limit": 2, "period_seconds": 3600, "burst": 2}', now(), NULL)"""
        )
    enqueue_all(
        database,
        [
            *(task_of(tasks.noop, limits={name: 1}) for name in ("open", "shut") for _ in range(3)),
            *(task_of(tasks.noop, limits={"used": 1}, queue_name="other") for _ in range(3)),
            task_of(tasks.noop),
        ],
    )
    with WorkerProcess(database, "--drain") as worker:
        assert worker.wait(60) == 0
        for queue, why in (
            ("default", "limit 'shut', which a task closed"),
            ("other", "limit 'used': 2 of 2"),
        ):
            assert f"tasks of the queue {queue} stay ready; the first is " in worker.output
            assert why in worker.output
    assert statuses(database) == {"completed": 6, "pending": 4}
