"""A transaction that has set constraints to immediate, as that of `conn` has."""

from lapinq_core.domain.tasks.decide import Fail
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.rows.factories import Conn, add_worker, claim, complete, new_task, status
from tests.support.rows.workflows import member, store


async def test_the_end_of_a_task_moves_its_children_on_at_once(conn: Conn) -> None:
    ids = await store(conn, [member("parent", new_task()), member("child", new_task(), "parent")])
    worker = await add_worker(conn)
    assert await complete(conn, await claim(conn, worker, 2)) == 1
    assert [one.id for one in await claim(conn, worker, 2)] == [ids["child"]]
    assert await status(conn, ids["child"]) == "running"


async def test_so_does_one_that_fails(conn: Conn) -> None:
    members = [
        member("parent", new_task()),
        member("child", new_task(), "parent"),
        member("last", new_task(), "child"),
    ]
    ids = await store(conn, members)
    [held] = await claim(conn, await add_worker(conn), 2)
    await worker_verbs.settle(conn, [ended_as(held.id, held.token, Fail("no"), 0.1)])
    assert [await status(conn, ids[ref]) for ref in ("parent", "child", "last")] == [
        "failed",
        "cancelled",
        "cancelled",
    ]
