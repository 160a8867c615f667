"""What a person must see: queues that stand still or grow, dead workers, webhooks nobody delivers, old snapshots."""

from typing import Any

from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.domain.ids import new_id
from lapinq_core.figures import alerts
from lapinq_core.figures.alerts import Alerts
from lapinq_core.people.audit import Author
from lapinq_core.tasks import queues
from tests.support.database.plans import nodes, plan
from tests.support.rows import schedules
from tests.support.rows.factories import Conn, Connections, add_worker, claim, enqueue, make_late, pause
from tests.support.rows.figures import put_levels
from tests.support.rows.held_keys import fail_first

ADA = Author(actor_kind=ActorKind.USER, actor="ada")
NOTHING = Alerts(
    unserved=[],
    has_worker=True,
    schedules_late=None,
    webhooks_given_up=0,
    webhooks_overdue=0,
    overdue_seconds=None,
    old_snapshots=[],
    default_passwords=[],
)


async def add_schedule(conn: Conn, late: str) -> None:
    """One that is due for so long."""
    await schedules.add_schedule(conn, late)
    await conn.execute(
        "UPDATE lapinq_schedules SET next_fire_at = lapinq_now() - %s::interval WHERE name = %s", (late, late)
    )


async def unserved(conn: Conn) -> list[str]:
    return [queue.queue_name for queue in (await alerts.current(conn)).unserved]


async def add_webhook(conn: Conn, state: str, **ages: str) -> None:
    """One that was due and tried so long ago."""
    await conn.execute(
        "INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, attempt, finished_at, state,"
        " retry_since, due_at, tried_at) VALUES (%(id)s, 'q', 't', 'https://x/', 'failed', 1, now(), %(state)s, now(),"
        " now() - %(due)s::interval, now() - %(tried)s::interval)",
        {"id": new_id(), "state": state, "due": "0 s", "tried": "0 s", **ages},
    )


async def test_where_all_is_well_there_is_nothing_to_tell(conn: Conn) -> None:
    await add_worker(conn)
    await enqueue(conn)
    await add_webhook(conn, "pending")
    await add_webhook(conn, "delivered", due="1 hour")
    assert await alerts.current(conn) == NOTHING


async def test_queues_that_nobody_claims_from_are_told_with_what_waits(conn: Conn) -> None:
    await enqueue(conn, 2, queue_name="short")
    await enqueue(conn, 3, queue_name="long")
    await enqueue(conn, 4, queue_name="paused")
    await pause(conn, "paused")
    await enqueue(conn, 9, queue_name="not due", scheduled_at="2099-01-01T00:00:00Z")
    found = await alerts.current(conn)
    assert not found.has_worker
    assert [(one.queue_name, one.waiting, one.has_quiet_worker) for one in found.unserved] == [
        ("short", 2, False),  # has waited longest
        ("long", 3, False),
    ]
    assert all(one.seconds is not None and 0 < one.seconds < 60 for one in found.unserved)
    quiet = await add_worker(conn, queues=["long"])
    await conn.execute("UPDATE lapinq_workers SET is_quiet = true WHERE id = %s", (quiet,))
    found = await alerts.current(conn)
    assert not found.has_worker
    assert [one.has_quiet_worker for one in found.unserved] == [False, True]
    await make_late(conn, await add_worker(conn))
    assert await unserved(conn) == ["short", "long"]
    await add_worker(conn, queues=["long"])
    assert await unserved(conn) == ["short"]
    assert (await alerts.current(conn)).counts == {}
    for number in range(alerts.MAX_QUEUES):
        await enqueue(conn, 3, queue_name=f"queue {number:02}")
    found = await alerts.current(conn)
    assert [one.queue_name for one in found.unserved] == [
        "short",
        *(f"queue {number:02}" for number in range(alerts.MAX_QUEUES - 1)),
    ]
    assert found.counts == {"unserved": alerts.MAX_QUEUES + 1}
    await add_worker(conn)
    assert await unserved(conn) == []


async def test_paused_queues_are_told_with_who_and_why(conn: Conn) -> None:
    await enqueue(conn, 2, queue_name="full")
    await pause(conn, "empty")
    await queues.pause(conn, "full", "the receiver is down", by=ADA)
    found = (await alerts.current(conn)).paused
    assert [(one.queue_name, one.waiting) for one in found] == [("full", 2), ("empty", 0)]
    assert (found[0].paused_by, found[0].reason) == ("ada", "the receiver is down")
    await queues.resume(conn, "full", by=ADA)
    assert [one.queue_name for one in (await alerts.current(conn)).paused] == ["empty"]


async def test_queues_with_keys_that_a_failed_task_holds_for_long_are_told(conn: Conn) -> None:
    worker = await add_worker(conn)
    await fail_first(conn, worker, ["a", "b"])
    await enqueue(conn, 2, key="runs")
    await claim(conn, worker, 1)
    assert (await alerts.current(conn)).blocked == []
    await conn.execute("UPDATE lapinq_attempts SET finished_at = finished_at - interval '6 min'")
    [found] = (await alerts.current(conn, {"default"})).blocked
    assert (found.queue_name, found.keys, found.is_capped) == ("default", 2, False)
    assert (await alerts.current(conn, {"other"})).blocked == []
    await pause(conn, "default")
    assert (await alerts.current(conn)).blocked == []


async def test_a_worker_that_died_is_told_for_an_hour(conn: Conn) -> None:
    await add_worker(conn, name="alive")
    for name, ago in (("long gone", "61 min"), ("one", "20 min"), ("the other", "1 min")):
        await conn.execute(
            "UPDATE lapinq_workers SET dead_at = lapinq_now() - %s::interval WHERE id = %s",
            (ago, await add_worker(conn, name=name)),
        )
    found = (await alerts.current(conn)).dead_workers
    assert [worker.name for worker in found] == ["the other", "one"]
    await make_late(conn, await add_worker(conn, name="silent"))
    stuck = (await alerts.current(conn)).stuck_workers
    assert [worker.name for worker in stuck] == ["silent"]
    assert (await alerts.current(conn, {"default"})).stuck_workers == []


async def test_a_queue_that_grows_is_told_unless_it_stands_still(conn: Conn) -> None:
    await add_worker(conn, queues=["served", "paused"])
    for queue in ("served", "paused", "nobody's"):
        await enqueue(conn, 1, queue_name=queue)
        await put_levels(conn, queue, 900, 700, 600)
    await put_levels(conn, "", 2700, 2100, 1800)
    await pause(conn, "paused")
    found = await alerts.current(conn)
    assert [(one.queue_name, one.ready, one.before) for one in found.growing] == [("served", 900, 600)]
    assert 110 < found.growing[0].seconds < 130


async def test_a_schedule_that_nobody_fires_is_told(conn: Conn) -> None:
    await add_schedule(conn, "20 seconds")
    assert (await alerts.current(conn)).schedules_late is None
    assert await alerts.schedules_late(conn) is None
    await add_schedule(conn, "10 minutes")
    await add_schedule(conn, "1 minute")
    found = await alerts.current(conn)
    assert found.late_schedules == 2
    assert found.schedules_late is not None
    assert 600 <= found.schedules_late < 700
    assert 600 <= (await alerts.schedules_late(conn) or 0) < 700


async def test_webhooks_given_up_of_late_and_those_overdue_are_counted(conn: Conn) -> None:
    await add_webhook(conn, "given_up", tried="1 hour", due="1 hour")
    await add_webhook(conn, "given_up", tried="25 hours")
    await add_webhook(conn, "pending", due="30 s")
    for due in ("61 s", "10 min"):
        await add_webhook(conn, "pending", due=due)
    found = await alerts.current(conn)
    assert (found.webhooks_given_up, found.webhooks_overdue) == (1, 2)
    assert found.overdue_seconds is not None
    assert 600 <= found.overdue_seconds < 700


async def test_whoever_holds_an_old_snapshot_is_told_by_name(connections: Connections) -> None:
    conn, holder = await connections(2)
    assert await alerts.find_old_snapshots(conn, seconds=0) == []
    async with holder.transaction():
        await holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        (found,) = await alerts.find_old_snapshots(conn, seconds=0)
        assert (found.kind, found.name, found.pid) == ("session", "test", holder.info.backend_pid)
        assert found.seconds is not None
        assert await alerts.find_old_snapshots(conn) == []
    assert await alerts.find_old_snapshots(conn, seconds=0) == []


async def test_users_with_the_known_password_are_named(conn: Conn) -> None:
    for name, is_known in (("lisa", False), ("lapinq", True)):
        await conn.execute(
            "INSERT INTO lapinq_users (username, password_hash, role, has_default_password, created_at)"
            " VALUES (%s, 'x', 'admin', %s, now())",
            (name, is_known),
        )
    assert (await alerts.current(conn)).default_passwords == ["lapinq"]


async def test_looking_reads_the_webhooks_by_their_indexes(conn: Conn) -> None:
    await conn.execute(
        "INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, attempt, finished_at, state,"
        " retry_since, due_at, tried_at) SELECT gen_random_uuid(), 'q', 't', 'https://x/', 'failed', 1, now(),"
        " (ARRAY['delivered', 'given_up', 'pending'])[1 + n %% 3], now(), now() + '1 h', now() - '2 days'::interval"
        " FROM generate_series(1, %s) n",
        (6_000,),
    )
    await conn.execute("ANALYZE lapinq_webhooks")
    params: dict[str, Any] = {"given_up": 86400.0, "overdue": 60.0, "late": 30.0, "most": 1000}
    found = nodes(await plan(conn, "alerts", params))
    scans = [node for node in found if node.get("Relation Name") == "lapinq_webhooks"]
    assert {scan["Node Type"] for scan in scans}.isdisjoint({"Seq Scan"})
    assert sum(scan["Actual Rows"] * scan["Actual Loops"] for scan in scans) == 0
