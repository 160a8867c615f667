"""What lasts is told once: a queue in which the first task waits too long, and a worker that died."""

from lapinq_core.alerts import conditions
from lapinq_core.db.rows import all_rows
from tests.support.rows.alerts import add_rule, notices
from tests.support.rows.decisions import asking
from tests.support.rows.factories import Conn, Connections, add_worker, enqueue, make_late, pause
from tests.support.rows.held_keys import fail_first


async def make_older(conn: Conn, queue: str, seconds: float) -> None:
    """The tasks of `queue` wait for `seconds`."""
    await conn.execute(
        "UPDATE lapinq_tasks SET created_at = lapinq_now() - %s * interval '1 second' WHERE queue_name = %s",
        (seconds, queue),
    )


async def begin_earlier(conn: Conn) -> None:
    await conn.execute("UPDATE lapinq_notify_conditions SET since = since - interval '60 seconds'")


async def test_a_backlog_that_lasts_is_told_once_and_again_after_it_ended(conn: Conn) -> None:
    await add_rule(conn, backlog_seconds=100, queues=["mail", "video"])
    await enqueue(conn, 3, queue_name="mail")
    await enqueue(conn, 3, queue_name="other")
    await make_older(conn, "mail", 99)
    await make_older(conn, "other", 1000)
    assert await conditions.check(conn) == 0
    await begin_earlier(conn)
    await make_older(conn, "mail", 130)
    assert await conditions.check(conn) == 0, "it has only begun"
    await begin_earlier(conn)
    assert await conditions.check(conn) == 1
    [(rule, event, details)] = await notices(conn)
    assert (rule, event) == ("everything", "backlog")
    assert 130 <= details.pop("oldest_seconds") < 140
    assert details == {"event": "backlog", "queue_name": "mail", "pending": 3, "limit_seconds": 100}
    # It goes on, and hardly gets better.
    await make_older(conn, "mail", 60)
    assert await conditions.check(conn) == 0
    await make_older(conn, "mail", 130)
    assert [await conditions.check(conn, lasting=0) for _ in range(2)] == [0, 0]
    # It has ended, and begins again.
    await make_older(conn, "mail", 49)
    assert await conditions.check(conn) == 0
    await make_older(conn, "mail", 130)
    assert await conditions.check(conn, lasting=0) == 0
    assert await conditions.check(conn, lasting=0) == 1


async def test_a_queue_with_few_tasks_is_seen_beside_a_thousand_fuller_ones(conn: Conn) -> None:
    await add_rule(conn)
    await enqueue(conn, queue_name="mail")
    await make_older(conn, "mail", 1000)
    assert [await conditions.check(conn, lasting=0) for _ in range(3)] == [0, 1, 0]
    await conn.execute(
        "INSERT INTO lapinq_counts (queue_name, pending) SELECT 'full ' || n, 5 FROM generate_series(1, 1000) AS n"
    )
    assert await conditions.check(conn, lasting=0) == 0
    await conn.execute("DELETE FROM lapinq_counts WHERE queue_name <> 'mail'")
    assert [await conditions.check(conn, lasting=0) for _ in range(2)] == [0, 0], "it goes on"


async def test_a_paused_queue_has_no_backlog_and_a_disabled_rule_forgets_it(conn: Conn) -> None:
    await add_rule(conn)
    await enqueue(conn, queue_name="mail")
    await make_older(conn, "mail", 1000)
    await conditions.check(conn)
    await pause(conn, "mail")
    await begin_earlier(conn)
    assert await conditions.check(conn) == 0
    await conn.execute("UPDATE lapinq_queues SET paused_at = NULL")
    await conditions.check(conn)
    await conn.execute("UPDATE lapinq_notify_rules SET is_enabled = false")
    assert await conditions.check(conn, lasting=0) == 0
    assert await all_rows(conn, "SELECT subject FROM lapinq_notify_conditions") == []


async def test_blocked_keys_are_told_once_and_again_after_they_were_free(conn: Conn) -> None:
    await add_rule(conn, events=["blocked"], backlog_seconds=100, queues=["default"])
    held = await fail_first(conn, await add_worker(conn), ["a", "b"])
    assert await conditions.check(conn) == 0
    await conn.execute("UPDATE lapinq_attempts SET finished_at = finished_at - interval '200 s'")
    assert [await conditions.check(conn) for _ in range(2)] == [1, 0]
    [(rule, event, details)] = await notices(conn)
    assert (rule, event) == ("everything", "blocked")
    assert details.pop("key") in held
    assert 200 <= details.pop("oldest_seconds") < 210
    assert details == {"event": "blocked", "queue_name": "default", "keys": 2, "limit_seconds": 100}
    await pause(conn, "default")
    assert await conditions.check(conn) == 0
    await conn.execute("UPDATE lapinq_queues SET paused_at = NULL")
    assert await conditions.check(conn) == 1


async def test_a_dead_worker_is_told_once_to_each_rule_that_asks(conn: Conn) -> None:
    earlier, worker = await add_worker(conn, name="web-0"), await add_worker(conn, name="web-1")
    await conn.execute("UPDATE lapinq_workers SET dead_at = lapinq_now() WHERE id = %s", (earlier,))
    await add_rule(conn)
    await add_rule(conn, name="errors only", events=["error.new"])
    assert await conditions.check(conn) == 0, "it died before anybody asked"
    await conn.execute("UPDATE lapinq_workers SET dead_at = lapinq_now() WHERE id = %s", (worker,))
    await make_late(conn, worker)
    assert [await conditions.check(conn) for _ in range(2)] == [1, 0]
    [(rule, event, details)] = await notices(conn)
    assert (rule, event) == ("everything", "worker.dead")
    assert (details["worker_id"], details["worker_name"]) == (worker, "web-1")
    await conn.execute(
        "UPDATE lapinq_workers SET dead_at = dead_at - interval '2 hours';"
        " UPDATE lapinq_notify_conditions SET since = since - interval '2 hours'"
    )
    assert await conditions.check(conn) == 0
    assert await all_rows(conn, "SELECT subject FROM lapinq_notify_conditions") == []


async def test_a_new_wait_for_a_signal_is_told_once_to_each_rule_that_asks(conn: Conn) -> None:
    await asking(conn, queue="mail", name="early")
    await add_rule(conn, events=["wait"], queues=["mail"])
    await add_rule(conn, name="errors only", events=["error.new"])
    assert await conditions.check(conn) == 0, "it began before anybody asked"
    await asking(conn, queue="shop")
    task, _ = await asking(conn, queue="mail", title="Pay?")
    assert [await conditions.check(conn) for _ in range(2)] == [1, 0]
    [(rule, event, details)] = await notices(conn)
    assert (rule, event) == ("everything", "wait")
    assert details == {
        "event": "wait",
        "queue_name": "mail",
        "task_id": task,
        "task_name": "handle",
        "signals": ["approve"],
        "title": "Pay?",
        "deadline": None,
    }
    await conn.execute("UPDATE lapinq_notify_conditions SET since = since - interval '2 hours'")
    await conn.execute("UPDATE lapinq_steps SET started_at = started_at - interval '2 hours'")
    assert await conditions.check(conn) == 0
    assert await all_rows(conn, "SELECT subject FROM lapinq_notify_conditions") == []


async def test_one_process_checks_at_a_time(connections: Connections) -> None:
    one, other = await connections(2)
    async with one.transaction():
        assert await conditions.check(one) == 0
        assert await conditions.check(other) is None
    assert await conditions.check(other) == 0
