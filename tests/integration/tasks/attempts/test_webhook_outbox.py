"""Which ends of tasks leave a webhook to be delivered: it is there if, and only if, the end is."""

from typing import Any

import msgspec
import pytest
from psycopg.rows import dict_row

from lapinq_core.db.pool import PLAN_SETTINGS, configure
from lapinq_core.domain.tasks.decide import Fail, Release, Retry
from lapinq_core.tasks import actions, completion, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import rescuing
from tests.support.database.plans import nodes, plan
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue, make_late
from tests.support.rows.rescue import ANY_TIME

URL = "https://user:pw@Hooks.Example:8443/done?a=b"


async def outbox(conn: Conn) -> list[dict[str, Any]]:
    cursor = await conn.cursor(row_factory=dict_row).execute("SELECT * FROM lapinq_webhooks ORDER BY seq")
    return await cursor.fetchall()


async def told(conn: Conn) -> list[tuple[str, str]]:
    return [(str(row["task_id"]), row["status"]) for row in await outbox(conn)]


async def test_a_completed_task_leaves_its_result(conn: Conn) -> None:
    (task,) = await enqueue(conn, webhook_url=URL, queue_name="mail")
    (held,) = await claim(conn, await add_worker(conn), queue="mail")
    await complete(conn, [held], '{"a": "ü"}')
    (row,) = await outbox(conn)
    assert (str(row["task_id"]), row["status"], row["attempt"]) == (task, "completed", 1)
    assert (row["result"], row["error"]) == ('{"a": "ü"}', None)
    assert (row["queue_name"], row["task_name"], row["url"]) == ("mail", "add", URL)
    assert (row["state"], row["tries"], row["host"]) == ("pending", 0, "hooks.example:8443")
    assert row["started_at"] <= row["finished_at"] == row["due_at"] == row["retry_since"]


async def test_a_failed_task_leaves_its_error_and_after_a_requeue_another_event(conn: Conn) -> None:
    (task,) = await enqueue(conn, webhook_url=URL)
    worker = await add_worker(conn)
    for ending in (Retry(0.0, "first"), Release("stopped"), Fail("ValueError: last", "Traceback…")):
        assert await outbox(conn) == []
        (held,) = await claim(conn, worker)
        await worker_verbs.settle(conn, [ended_as(task, held.token, ending)])
    await actions.requeue(conn, task, by="lisa")
    await complete(conn, await claim(conn, worker))
    first, second = await outbox(conn)
    assert (first["status"], first["result"], first["attempt"]) == ("failed", None, 2)
    assert first["error"] == "ValueError: last"
    assert second["status"] == "completed"
    assert first["id"] != second["id"]


@pytest.mark.parametrize("release_before", [False, True], ids=["claimed", "claimed by the release before"])
async def test_of_several_that_end_those_with_a_webhook_are_told(conn: Conn, release_before: bool) -> None:
    worker = await add_worker(conn)
    for ending in (None, Fail("no")):
        told_of, _ = await enqueue(conn, webhook_url=URL), await enqueue(conn)
        claims = await claim(conn, worker, 2)
        if release_before:
            await conn.execute("UPDATE lapinq_running SET has_webhook = NULL")
        if ending is None:
            await complete(conn, claims)
        else:
            await worker_verbs.settle(conn, [ended_as(held.id, held.token, ending) for held in claims])
        assert [task for task, _ in await told(conn)][-1:] == told_of
    assert len(await told(conn)) == 2


async def test_the_last_loss_of_a_worker_is_told(conn: Conn) -> None:
    worker = await add_worker(conn)
    once, again = (await enqueue(conn, webhook_url=URL, max_retries=0), await enqueue(conn, webhook_url=URL))
    await claim(conn, worker, 2)
    await make_late(conn, worker)
    await conn.execute("UPDATE lapinq_workers SET dead_at = lapinq_now()")
    assert set(await rescuing.rescue(conn, ANY_TIME, 0.5)) == {*once, *again}
    assert await told(conn) == [(once[0], "failed")]


async def test_what_completes_in_a_transaction_of_the_task_is_told_with_it(conn: Conn) -> None:
    (task,) = await enqueue(conn, webhook_url=URL)
    (held,) = await claim(conn, await add_worker(conn))
    end = completion.Completion(task_id=task, token=held.token, result="1", seconds=0.5)
    async with conn.transaction(force_rollback=True):
        assert await completion.acomplete_one(conn, end)
    assert await outbox(conn) == []
    async with conn.transaction():
        assert await completion.acomplete_one(conn, end)
    assert await told(conn) == [(task, "completed")]


async def test_a_stale_worker_tells_nothing(conn: Conn) -> None:
    (task,) = await enqueue(conn, webhook_url=URL)
    worker = await add_worker(conn)
    (old,) = await claim(conn, worker)
    await worker_verbs.settle(conn, [ended_as(task, old.token, Retry(0.0, "lost"))])
    await claim(conn, worker)
    assert await complete(conn, [old]) == 0
    await worker_verbs.settle(conn, [ended_as(task, old.token, Fail("late"))])
    assert await outbox(conn) == []


async def test_a_long_name_of_a_host_keeps_no_task_from_its_end(conn: Conn) -> None:
    (task,) = await enqueue(conn, webhook_url=f"http://{'ü' * 2000}/")
    await complete(conn, await claim(conn, await add_worker(conn)))
    assert await told(conn) == [(task, "completed")]


@pytest.mark.parametrize("url", [None, URL])
async def test_only_for_a_webhook_is_the_task_looked_up(conn: Conn, url: str | None) -> None:
    await configure(conn, **PLAN_SETTINGS)
    await enqueue(conn, 50, webhook_url=url)
    claims = await claim(conn, await add_worker(conn), 50)
    params = {
        "ids": [held.id for held in claims],
        "tokens": [held.token for held in claims],
        "seconds": [0.1] * 50,
    }
    completed = {"results": msgspec.json.encode(["null"] * 50).decode(), "logs": "[]"}
    yes = [True] * 50
    failed = {"finals": yes, "counts": yes, "cancelled": [False] * 50, "delays": [0.0] * 50, "isolations": []}
    failed |= {"errors": ["no"] * 50, "tracebacks": [], "logs": [], "rescued": False}
    for verb, ends in (("complete", completed), ("settle", failed)):
        found = nodes(await plan(conn, verb, {**params, **ends}))
        (lookup,) = [node for node in found if node.get("Function Name") == "lapinq_webhook_of"]
        assert lookup["Actual Loops"] == (50 if url else 0)
