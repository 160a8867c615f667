"""Walks of deletions and requeues from end to end, without the service that makes them."""

from typing import Any

from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.people.audit import Entry
from lapinq_core.tasks import bulk
from lapinq_core.tasks.bulk import Batch, Change, Step
from lapinq_core.tasks.filters import TaskFilter
from tests.support.rows.factories import Conn

ENTRY = Entry(actor_kind=ActorKind.KEY, actor="tester", action="task.delete_many", details={"filters": {}})


async def one_step(conn: Conn, change: Change, **chosen: Any) -> Step:
    """A step over all there is."""
    walk = await bulk.begin(conn, TaskFilter(**chosen))
    assert walk is not None
    step = await change(conn, walk, Batch(size=10_000), ENTRY, None)
    assert step is not None
    return step


async def look_again(conn: Conn, change: Change, ids: list[str], **chosen: Any) -> Step:
    """A step over `ids`."""
    walk = await bulk.begin(conn, TaskFilter(**chosen))
    assert walk is not None
    step = await change(conn, walk, Batch(size=len(ids), ids=ids), ENTRY, None)
    assert step is not None
    return step


async def steps(conn: Conn, change: Change, size: int, **chosen: Any) -> list[Step]:
    """All steps of a walk over batches of `size` ids."""
    walk = await bulk.begin(conn, TaskFilter(**chosen))
    assert walk is not None
    made: list[Step] = []
    batch = Batch(size=size)
    entry_id = None
    while True:
        step = await change(conn, walk, batch, ENTRY, entry_id)
        assert step is not None
        made.append(step)
        entry_id = step.entry_id
        if step.last is None or step.looked < size:
            return made
        batch = Batch(size=size, after=step.last)
