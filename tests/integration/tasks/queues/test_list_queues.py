"""Queues as the dashboard lists them."""

import msgspec

from lapinq_core.db.rows import one_row
from lapinq_core.tasks import queues
from lapinq_core.tasks.queues import QueueOrder
from tests.integration.lookup.test_measure import make_older
from tests.integration.tasks.test_inspect import one_of_each
from tests.integration.tasks.test_plans import fill
from tests.support.database.plans import blocks, nodes, plan, scanned_whole
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, enqueue


async def names(conn: Conn, part: str = "", order: QueueOrder = QueueOrder.NAME) -> list[str]:
    found, count = await queues.list_queues(conn, part, order)
    assert count == len(found)
    return [queue.queue_name for queue in found]


async def test_a_queue_in_the_list_is_as_it_is_told_alone(conn: Conn) -> None:
    await one_of_each(conn, queue="mail")
    await queues.pause(conn, "mail", "out of stamps", by=SOMEBODY)
    await queues.pause(conn, "no tasks", None, by=SOMEBODY)
    await queues.pause(conn, "gone on", None, by=SOMEBODY)
    await queues.resume(conn, "gone on", by=SOMEBODY)
    found, count = await queues.list_queues(conn)
    assert count == 2
    assert [queue.queue_name for queue in found] == ["mail", "no tasks"]
    for queue in found:
        line = msgspec.structs.asdict(queue)
        state = await queues.get_queue(conn, queue.queue_name)
        assert state is not None
        told = msgspec.structs.asdict(state)
        assert {field: told[field] for field in line} == line


async def test_the_first_in_line_says_how_long_it_has_been_waiting(conn: Conn) -> None:
    await enqueue(conn, queue_name="a")
    await make_older(conn, "a", 300)
    await enqueue(conn, 3, queue_name="a")
    await enqueue(conn, queue_name="taken")
    await claim(conn, await add_worker(conn), queue="taken")
    (waits, taken), _ = await queues.list_queues(conn)
    row = await one_row(conn, "SELECT date_part('epoch', lapinq_now() - %s)", (waits.waiting_since,))
    assert 300 <= row[0] < 330
    assert (taken.running, taken.waiting_since) == (1, None)


async def test_a_part_of_a_name_is_taken_literally_in_capitals_or_not(conn: Conn) -> None:
    for name in ("Mail", "e-mails", "50% off", "50 off", "a_b", "acb"):
        await enqueue(conn, queue_name=name)
    assert await names(conn, "mail") == ["Mail", "e-mails"]
    assert await names(conn, "50%") == ["50% off"]
    assert await names(conn, "A_B") == ["a_b"]
    assert await names(conn, "nothing") == []


async def test_they_are_in_the_order_that_is_asked_for(conn: Conn) -> None:
    await one_of_each(conn, queue="c")
    await enqueue(conn, 2, queue_name="a")
    await enqueue(conn, 5, queue_name="b")
    await queues.pause(conn, "d", None, by=SOMEBODY)
    assert await names(conn) == ["a", "b", "c", "d"]
    assert await names(conn, order=QueueOrder.PENDING) == ["b", "a", "c", "d"]
    assert await names(conn, order=QueueOrder.RUNNING) == ["c", "a", "b", "d"]
    assert await names(conn, order=QueueOrder.FAILED) == ["c", "a", "b", "d"]
    assert await names(conn, order=QueueOrder.PAUSED) == ["d", "a", "b", "c"]


async def test_of_very_many_the_first_are_listed_and_all_are_counted(conn: Conn) -> None:
    await conn.execute(
        "INSERT INTO lapinq_counts (queue_name, pending)"
        " SELECT 'queue ' || to_char(n, 'FM0000'), n FROM generate_series(1, 1000) n"
    )
    found, count = await queues.list_queues(conn, "queue", QueueOrder.PENDING, 500)
    assert (len(found), count, found[0].pending, found[-1].pending) == (500, 1000, 1000, 501)


async def test_the_tasks_that_wait_are_not_read(database: str, conn: Conn) -> None:
    await fill(conn)
    params = {"part": "", "order": "name", "limit": 500}
    found = await plan(conn, "list_queues", params)
    assert not {"lapinq_ready", "lapinq_tasks"} & set(scanned_whole(found))
    assert "lapinq_ready_claim" in {node.get("Index Name") for node in nodes(found)}
    assert blocks(found) < 100
