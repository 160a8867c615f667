"""What a new round of a workflow starts with."""

from lapinq_core.domain.tasks.outcome import Raised
from lapinq_core.durable import links
from lapinq_core.workflows import changing
from lapinq_core.workflows.reading import place_of
from tests.support.rows.decisions import link
from tests.support.rows.durable import end, step, stored
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete, new_task
from tests.support.rows.workflows import member, store


async def test_a_callback_that_completed_starts_from_its_beginning(database: str, conn: Conn) -> None:
    members = [
        member("fetch", new_task()),
        member("publish", new_task(), "fetch"),
        member("report", new_task(), "fetch", after_failure="run"),
    ]
    ids = await store(conn, members)
    worker = await add_worker(conn)
    [fetch] = await claim(conn, worker)
    await step(conn, fetch, "download")
    await end(conn, fetch, Raised("no"), max_retries=0)
    [report] = await claim(conn, worker)
    await step(conn, report, "report")
    await links.decide(conn, await link(conn, report), "true", by=SOMEBODY)
    await complete(conn, [report])
    place = await place_of(conn, ids["fetch"])
    assert place is not None
    async with conn.transaction():
        await changing.retry(conn, place.workflow_id, by="lisa")
    [fetch] = await claim(conn, worker)
    assert await stored(conn, fetch) == [("download", "completed")]  # it failed, and goes on after its steps
    await complete(conn, [fetch])
    report = next(one for one in await claim(conn, worker, 2) if one.id == ids["report"])
    assert await stored(conn, report) == []
    assert await links.find(conn, await link(conn, report))  # the decision is another one
