"""Tasks that running attempts spawn: stored once, with their step, as an enqueue over HTTP would store them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.domain.ids import is_of_workflow
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.durable.messages import Answer, Enqueued, Lost, Spawn
from lapinq_core.domain.tasks.outcome import Raised
from lapinq_core.durable.spawning import spawn
from lapinq_core.intake.enqueueing import Taken
from tests.support.rows.durable import end, held, loaded, suspend, wait_for_task
from tests.support.rows.factories import Conn, claim, complete, enqueue

ALLOWED = ("app.*",)


def asked(claimed: Claim, name: str = "mail", **values: Any) -> tuple[Any, Spawn]:
    request = {"task_name": "mail", "module_path": "app.tasks", **values}
    return held(claimed), Spawn(name, 0, msgspec.json.encode(request).decode(), "2")


async def spawned(conn: Conn, claimed: Claim, name: str = "mail", **values: Any) -> tuple[Answer, Taken]:
    [answer], taken = await spawn(conn, [asked(claimed, name, **values)], ALLOWED)
    return answer, taken


def id_in(answer: Answer) -> str:
    assert isinstance(answer, Enqueued)
    assert answer.status == 201, answer
    return msgspec.json.decode(answer.body)["task_id"]


async def tasks(conn: Conn) -> list[str]:
    """Those that were spawned."""
    return [
        str(row[0]) for row in await all_rows(conn, "SELECT id FROM lapinq_tasks WHERE task_name = 'mail'")
    ]


@pytest.fixture
async def running(conn: Conn, worker: str) -> Claim:
    await enqueue(conn)
    [claimed] = await claim(conn, worker)
    return claimed


async def test_it_is_stored_once_with_its_step_and_announced(conn: Conn, running: Claim) -> None:
    answer, taken = await spawned(conn, running, queue_name="mails", priority=3)
    task_id = id_in(answer)
    assert taken == Taken({"mails"})
    assert is_of_workflow(task_id)  # by that its end wakes who waits for it
    again, taken = await spawned(conn, running, queue_name="mails")
    assert (id_in(again), taken) == (task_id, Taken())
    assert await tasks(conn) == [task_id]
    row: Any = await loaded(conn, running)
    [(name, kind, outcome, result)] = [(each.name, each.kind, each.outcome, each.result) for each in row.rows]
    assert (name, kind, outcome, result) == ("mail", "spawn", "completed", f'"{task_id}"')
    assert row.version == "2"


async def test_many_are_stored_together_and_a_lost_claim_spawns_nothing(
    conn: Conn, worker: str, running: Claim
) -> None:
    await enqueue(conn)
    [lost] = await claim(conn, worker)
    await end(conn, lost, Raised("no"))
    later = datetime.now(UTC) + timedelta(seconds=60)
    answers, taken = await spawn(
        conn,
        [
            asked(running, "a"),
            asked(lost, "b"),
            asked(running, "c", scheduled_at=later.isoformat()),
            asked(running, "d", module_path="other"),
        ],
        ALLOWED,
    )
    assert answers[1] == Lost()
    assert isinstance(answers[3], Enqueued)
    assert (answers[3].status, "module_path" in answers[3].body) == (400, True)
    assert sorted(await tasks(conn)) == [id_in(answers[0]), id_in(answers[2])]
    assert taken.queues == {"default"}
    assert taken.due_in == pytest.approx(60, abs=30)


async def test_what_an_enqueue_would_refuse_is_refused(conn: Conn, running: Claim) -> None:
    holder, _ = await spawned(conn, running, "first", unique={"key": "k"})
    for values, status, told in (
        ({"ttl_seconds": 0}, 400, "fire-and-forget"),
        ({"limits": {"nothing": 1}}, 400, "limits.nothing"),
        ({"priority": "high"}, 400, "priority"),
        ({"unique": {"key": "k", "on_conflict": "reject"}}, 409, id_in(holder)),
    ):
        answer, taken = await spawned(conn, running, "second", **values)
        assert isinstance(answer, Enqueued)
        assert answer.status == status
        assert told in answer.body, answer
        assert taken == Taken()
    held_by, _ = await spawned(conn, running, "second", unique={"key": "k"})
    assert id_in(held_by) == id_in(holder)
    assert len(await tasks(conn)) == 1


async def test_its_end_wakes_who_waits_for_it(conn: Conn, worker: str, running: Claim) -> None:
    answer, _ = await spawned(conn, running)
    child = id_in(answer)
    await wait_for_task(conn, running, child)
    await suspend(conn, running)
    [claimed] = await claim(conn, worker)
    assert claimed.id == child
    await complete(conn, [claimed])
    ready = await first_value(conn, "SELECT count(*) FROM lapinq_ready WHERE id = %s", (running.id,))
    assert ready == 1
