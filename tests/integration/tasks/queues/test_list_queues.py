"""Queues as the dashboard lists them."""

import msgspec

from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.tasks import queues
from lapinq_core.tasks.queues import QueueOrder, QueueState, Trouble
from tests.integration.tasks.test_inspect import one_of_each
from tests.integration.tasks.test_plans import crowd
from tests.support.database.plans import blocks, nodes, plan, scanned_whole
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, enqueue


async def names(conn: Conn, part: str = "", order: QueueOrder = QueueOrder.NAME) -> list[str]:
    found, count = await queues.list_queues(conn, part, order)
    assert count == len(found)
    return [queue.queue_name for queue in found]


async def test_a_queue_in_the_list_is_as_it_is_told_alone(conn: Conn) -> None:
    await one_of_each(conn, queue="mail")
    await one_of_each(conn, queue="video")
    await enqueue(conn, 3, queue_name="video")
    await queues.pause(conn, "mail", "out of stamps", by=SOMEBODY)
    await queues.pause(conn, "no tasks", None, by=SOMEBODY)
    await queues.pause(conn, "gone on", None, by=SOMEBODY)
    await queues.resume(conn, "gone on", by=SOMEBODY)
    found, _ = await queues.list_queues(conn)
    assert [(queue.queue_name, queue.pending, queue.failed) for queue in found] == [
        ("mail", 1, 1),
        ("no tasks", 0, 0),
        ("video", 4, 1),
    ]
    for queue in found:
        state = await queues.get_queue(conn, queue.queue_name)
        assert state is not None
        told, line = msgspec.structs.asdict(state), msgspec.structs.asdict(queue)
        for field in (*QueueState.__struct_fields__, "waiting_since"):
            assert told[field] == line[field], field


async def test_a_part_of_a_name_is_taken_literally_in_capitals_or_not(conn: Conn) -> None:
    for name in ("Mail", "e-mails", "50% off", "50 off", "a_b", "acb"):
        await enqueue(conn, queue_name=name)
    found = [await names(conn, part) for part in ("mail", "50%", "A_B", "nothing")]
    assert found == [["Mail", "e-mails"], ["50% off"], ["a_b"], []]


async def test_they_are_in_the_order_that_is_asked_for_and_of_many_the_first(conn: Conn) -> None:
    await one_of_each(conn, queue="c")
    await enqueue(conn, 2, queue_name="a")
    await enqueue(conn, 5, queue_name="b")
    await queues.pause(conn, "d", None, by=SOMEBODY)
    for order, expected in {
        QueueOrder.NAME: "abcd",
        QueueOrder.PENDING: "bacd",
        QueueOrder.RUNNING: "cabd",
        QueueOrder.FAILED: "cabd",
        QueueOrder.PAUSED: "dabc",
        QueueOrder.OLDEST: "cabd",
        QueueOrder.TROUBLE: "dbac",
    }.items():
        assert "".join(await names(conn, order=order)) == expected, order
    for order, skipped, expected in (
        (QueueOrder.PENDING, 0, "ba"),
        (QueueOrder.PENDING, 2, "cd"),
        (QueueOrder.OLDEST, 1, "ab"),
    ):
        found, count = await queues.list_queues(conn, "", order, 2, skipped=skipped)
        assert ("".join(queue.queue_name for queue in found), count) == (expected, 4)
        assert [queue.waiting_since is not None for queue in found] == [one != "d" for one in expected]
    assert await queues.list_queues(conn, limit=2, skipped=4) == ([], 0)


async def test_a_queue_with_a_policy_is_listed_and_what_keeps_its_tasks_from_starting_is_told(
    conn: Conn,
) -> None:
    breaker = BreakerRule(failures_in_row=3)
    await queues.set_policy(conn, "limited", {"max_running": 2}, by=SOMEBODY)
    await queues.set_policy(conn, "guarded", {"breaker": breaker}, by=SOMEBODY)
    await queues.set_policy(conn, "broken", {"breaker": breaker}, by=SOMEBODY)
    await queues.set_policy(conn, "unlimited again", {"max_running": 2}, by=SOMEBODY)
    await queues.set_policy(conn, "unlimited again", {"max_running": None}, by=SOMEBODY)
    await conn.execute(
        "UPDATE lapinq_circuit_breakers SET state = 'open', failures = 3, opened_at = since, pause_seconds = 30,"
        " tries_at = lapinq_now() WHERE queue_name = 'broken'"
    )
    for name in ("nobody's", "served", "limited"):
        await enqueue(conn, queue_name=name)
    await enqueue(conn, queue_name="later", scheduled_at="2099-01-01T00:00:00Z")
    await queues.pause(conn, "paused", None, by=SOMEBODY)
    await add_worker(conn, queues=["served", "limited"])
    found, _ = await queues.list_queues(conn, order=QueueOrder.TROUBLE)
    assert [queue.queue_name for queue in found[:3]] == ["nobody's", "broken", "paused"]
    assert {(one.queue_name, one.has_policy, one.max_running, one.breaker_state) for one in found} == {
        ("broken", False, None, "open"),
        ("guarded", False, None, "closed"),
        ("later", False, None, None),
        ("limited", True, 2, None),
        ("nobody's", False, None, None),
        ("paused", False, None, None),
        ("served", False, None, None),
    }
    for trouble, expected in {
        Trouble.UNSERVED: ["nobody's"],
        Trouble.BREAKER: ["broken"],
        Trouble.PAUSED: ["paused"],
    }.items():
        found, count = await queues.list_queues(conn, trouble=trouble)
        assert [queue.queue_name for queue in found] == expected
        assert count == len(expected)


async def test_the_tasks_that_wait_are_not_read(database: str, conn: Conn) -> None:
    for queue in ("busy", "default", "other"):
        await crowd(conn, queue, 5_000)
    await conn.execute("ANALYZE lapinq_ready, lapinq_tasks")
    for order in ("name", "oldest", "trouble"):
        params = {"part": "", "order": order, "limit": 100, "queues": None, "trouble": None, "skipped": 0}
        found = await plan(conn, "list_queues", params)
        assert not {"lapinq_ready", "lapinq_tasks"} & set(scanned_whole(found))
        assert "lapinq_ready_claim" in {node.get("Index Name") for node in nodes(found)}
        assert blocks(found) < 100, order
