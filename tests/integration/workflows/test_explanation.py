"""What a task of a workflow that has ended says, and what to do."""

from lapinq_core.domain.tasks.decide import Fail
from lapinq_core.lookup.why.explanation import explain
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.workflows.reading import place_of
from tests.support.rows.factories import Conn, add_worker, claim, new_task
from tests.support.rows.workflows import member, store


async def test_it_names_its_parent_and_the_retry_of_the_workflow(database: str, conn: Conn) -> None:
    ids = await store(conn, [member("fetch", new_task()), member("total", new_task(), "fetch")])
    [held] = await claim(conn, await add_worker(conn))
    await worker_verbs.settle(conn, [ended_as(held.id, held.token, Fail("no"), 0.1)])
    place = await place_of(conn, ids["total"])
    assert place is not None
    for ref, begin, end in (
        ("fetch", "It failed", "(no)."),
        ("total", "It was cancelled", "(its parent fetch failed)."),
    ):
        told = await explain(conn, ids[ref])
        assert told is not None
        assert told.why.startswith(begin)
        assert told.why.endswith(end)
        assert told.remedy is not None
        assert told.remedy.endswith(f"lapinq workflow retry {place.workflow_id}")
