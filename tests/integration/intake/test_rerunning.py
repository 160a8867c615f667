"""Tasks that are enqueued again: the link to the earlier task, and the audit entry."""

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.idempotency import Asked, store
from lapinq_core.lookup.task_detail import Reruns, reruns_of
from tests.integration.intake.unique.enqueued import put_one, unique
from tests.support.rows.factories import SOMEBODY, Conn, new_task


async def test_a_rerun_is_recorded_if_it_stores_or_replaces_a_task(conn: Conn) -> None:
    earlier = new_task(id=new_id())
    waiting = unique(id=new_id())
    await store(conn, [Asked([earlier])])
    await put_one(conn, waiting)

    stored = new_task(id=new_id())
    await rerun(conn, earlier, stored)
    await rerun(conn, earlier, unique(id=new_id(), on_conflict="return"))  # nothing changes
    await rerun(conn, earlier, unique(id=new_id(), on_conflict="replace"))
    await rerun(conn, waiting, unique(id=new_id(), on_conflict="replace"))  # itself
    assert await recorded(conn) == [
        (earlier.id, stored.id),
        (earlier.id, waiting.id),
        (waiting.id, waiting.id),
    ]
    assert [one.id for one in (await reruns_of(conn, earlier.id)).later] == [waiting.id, stored.id]
    assert await reruns_of(conn, waiting.id) == Reruns(earlier.id, [])


async def rerun(conn: Conn, earlier: NewTask, again: NewTask) -> None:
    await store(conn, [Asked([again], by=SOMEBODY, rerun_of=earlier.id)])


async def recorded(conn: Conn) -> list[tuple[str, str]]:
    """The earlier task of each entry, and the one that was stored or replaced."""
    asked = "SELECT target, details ->> 'task_id' FROM lapinq_audit WHERE action = 'task.rerun' ORDER BY id"
    return await all_rows(conn, asked)
