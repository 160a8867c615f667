"""Queues as the dashboard lists them."""

import msgspec

from lapinq_core.tasks import queues
from lapinq_core.tasks.queues import QueueOrder
from tests.integration.tasks.test_inspect import one_of_each
from tests.integration.tasks.test_plans import crowd
from tests.support.database.plans import blocks, nodes, plan, scanned_whole
from tests.support.rows.factories import SOMEBODY, Conn, enqueue


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
        line = msgspec.structs.asdict(queue)
        state = await queues.get_queue(conn, queue.queue_name)
        assert state is not None
        told = msgspec.structs.asdict(state)
        assert {field: told[field] for field in line} == line


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
    }.items():
        assert "".join(await names(conn, order=order)) == expected, order
    found, count = await queues.list_queues(conn, "", QueueOrder.PENDING, 2)
    assert ([queue.queue_name for queue in found], count) == (["b", "a"], 4)


async def test_the_tasks_that_wait_are_not_read(database: str, conn: Conn) -> None:
    for queue in ("busy", "default", "other"):
        await crowd(conn, queue, 5_000)
    await conn.execute("ANALYZE lapinq_ready, lapinq_tasks")
    params = {"part": "", "order": "name", "limit": 500, "queues": None}
    found = await plan(conn, "list_queues", params)
    assert not {"lapinq_ready", "lapinq_tasks"} & set(scanned_whole(found))
    assert "lapinq_ready_claim" in {node.get("Index Name") for node in nodes(found)}
    assert blocks(found) < 100
