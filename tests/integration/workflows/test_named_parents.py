"""What became of the parents that arguments name."""

from typing import Any

from lapinq_core.domain.tasks.decide import Fail
from lapinq_core.tasks import actions, bulk
from lapinq_core.tasks.worker_verbs import ended_as, settle
from lapinq_core.workflows.parents import NamedParent, named_parents
from tests.support.rows.factories import Conn, add_worker, claim, complete, new_task
from tests.support.rows.walks import one_step
from tests.support.rows.workflows import member, store

MUCH = 2**40


async def look(
    conn: Conn, *named: tuple[str, list[str]], first_bytes: int = MUCH, max_bytes: int = MUCH, **more: Any
) -> dict[str, NamedParent]:
    found = await named_parents(conn, named, first_bytes=first_bytes, max_bytes=max_bytes, **more)
    assert len({parent.ref for parent in found}) == len(found)
    return {parent.ref: parent for parent in found}


async def delete(conn: Conn, task_id: str) -> None:
    await one_step(conn, bulk.delete_tasks, first=task_id, last=task_id)


async def test_each_parent_tells_how_it_stands(conn: Conn) -> None:
    worker = await add_worker(conn)
    refs = ["completed", "failed", "cancelled", "deleted", "running"]
    members = [member(ref, new_task()) for ref in refs]
    ids = await store(conn, [*members, member("child", new_task(), *refs, after_failure="run")])
    claims = {one.id: one for one in await claim(conn, worker, 2)}
    await complete(conn, [claims[ids["completed"]]], '{"n":1}')
    failed = claims[ids["failed"]]
    await settle(conn, [ended_as(failed.id, failed.token, Fail("ValueError: no"))])
    await actions.cancel(conn, ids["cancelled"])
    await delete(conn, ids["deleted"])

    found = await look(conn, (ids["child"], [*refs, "unknown"]))
    assert {ref: (one.status, one.result, one.error) for ref, one in found.items()} == {
        "completed": ("completed", '{"n":1}', None),
        "failed": ("failed", None, "ValueError: no"),
        "cancelled": ("cancelled", None, None),
        "deleted": ("deleted", None, None),
        "running": ("pending", None, None),
    }
    # A task that was deleted after its end has no result any more.
    await delete(conn, ids["completed"])
    gone = (await look(conn, (ids["child"], ["completed"])))["completed"]
    assert (gone.status, gone.size, gone.result) == ("completed", 0, None)


async def test_a_result_is_sent_once_and_only_if_there_is_room(conn: Conn) -> None:
    worker = await add_worker(conn)
    parents = [member(ref, new_task()) for ref in "abcd"]
    children = [member(f"child{n}", new_task(), *"abcd") for n in range(3)]
    ids = await store(conn, [*parents, *children])
    await complete(conn, await claim(conn, worker, 4), f'"{98 * "x"}"')
    named = [(ids["child0"], ["a", "b"]), (ids["child1"], ["b", "c"]), (ids["child2"], ["d"])]

    async def sent(**values: Any) -> str:
        found = await look(conn, *named, **values)
        assert {ref: (one.size, sorted(one.numbers)) for ref, one in found.items()} == {
            "a": (100, [0]),
            "b": (100, [0, 1]),
            "c": (100, [1]),
            "d": (100, [2]),
        }
        return "".join(sorted(ref for ref, one in found.items() if one.result is not None))

    versions = {ref: one.version or "" for ref, one in (await look(conn, *named)).items()}
    assert await sent() == "abcd"
    assert await sent(max_bytes=399) == "abc"
    assert await sent(max_bytes=399, known=[versions["a"]]) == "bcd"
    assert await sent(max_bytes=-1) == "ab"
    assert await sent(max_bytes=-1, first_bytes=199) == ""
