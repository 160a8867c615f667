"""A transaction that has set constraints to immediate, as that of `conn` has."""

from tests.support.rows.factories import Conn, add_worker, claim, complete, new_task, status
from tests.support.rows.workflows import member, store


async def test_the_end_of_a_task_moves_its_children_on_at_once(conn: Conn) -> None:
    ids = await store(conn, [member("parent", new_task()), member("child", new_task(), "parent")])
    worker = await add_worker(conn)
    assert await complete(conn, await claim(conn, worker, 2)) == 1
    assert [one.id for one in await claim(conn, worker, 2)] == [ids["child"]]
    assert await status(conn, ids["child"]) == "running"
