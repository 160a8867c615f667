"""Whether a task holds its unique key, and what another with the key does then."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from psycopg.rows import dict_row

from lapinq_core.db.rows import all_rows, maybe_row
from lapinq_core.domain.tasks.decide import Fail, Retry
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.domain.tasks.unique import Unique
from lapinq_core.intake.idempotency import take_unique_keys
from lapinq_core.intake.unique_keys import Met, UniqueConflict
from lapinq_core.tasks import actions
from lapinq_core.upkeep import maintenance_jobs
from tests.integration.intake.unique.enqueued import args_of, debounced, end, put, put_one, unique
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import (
    Conn,
    add_worker,
    claim,
    complete,
    counts,
    make_delayed_ready,
    new_task,
    status,
)
from tests.support.rows.workflows import member, store

IN_AN_HOUR = datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.parametrize(
    ("until", "while_running", "while_retrying", "after"),
    [
        ("started", "stored", "stored", "stored"),
        ("finished", "existing", "existing", "stored"),
        (60.0, "existing", "existing", "existing"),
    ],
)
async def test_a_task_holds_its_key_as_long_as_it_says(
    conn: Conn, until: str | float, while_running: str, while_retrying: str, after: str
) -> None:
    async def found() -> str:
        """What the next one would be."""
        async with conn.transaction(force_rollback=True):
            what, task_id = await put_one(conn, unique())
            assert what == "stored" or task_id == first
            return what

    what, first = await put_one(conn, unique(until, scheduled_at=IN_AN_HOUR))
    assert (what, await found()) == ("stored", "existing")
    await make_delayed_ready(conn)
    assert await found() == "existing"
    worker = await add_worker(conn)
    [held] = await claim(conn, worker)
    assert await found() == while_running
    await end(conn, held, Retry(60.0, "again"))
    assert await found() == while_retrying
    await make_delayed_ready(conn)
    [held] = await claim(conn, worker)
    await complete(conn, [held])
    assert await found() == after
    if after == "existing":
        await conn.execute("UPDATE lapinq_unique_keys SET expires_at = lapinq_now()")
        assert await found() == "stored"


@pytest.mark.parametrize("how", ["cancelled", "expired", "failed", "deleted"])
async def test_every_end_frees_the_key(conn: Conn, how: str) -> None:
    _, first = await put_one(conn, unique(ttl_seconds=60.0))
    if how == "cancelled":
        await actions.cancel(conn, first)
    elif how == "expired":
        await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now()")
        assert await maintenance_jobs.expire(conn) == 1
    elif how == "failed":
        [held] = await claim(conn, await add_worker(conn))
        await end(conn, held, Fail("no"))
    else:
        await complete(conn, await claim(conn, await add_worker(conn)))
        await conn.execute("UPDATE lapinq_tasks SET expires_at = lapinq_now()")
        assert await maintenance_jobs.cleanup(conn) == 1
    assert (await put_one(conn, unique()))[0] == "stored"


async def test_a_key_belongs_to_its_queue(conn: Conn) -> None:
    assert (await put_one(conn, unique()))[0] == "stored"
    assert (await put_one(conn, unique(queue_name="other")))[0] == "stored"
    assert (await put_one(conn, new_task(unique=Unique("K"))))[0] == "stored"
    assert (await put_one(conn, unique()))[0] == "existing"
    assert await counts(conn) == {"pending": 2}


async def test_a_rejected_task_takes_the_whole_request_with_it(conn: Conn) -> None:
    _, first = await put_one(conn, unique())
    with pytest.raises(UniqueConflict) as raised:
        await put(conn, new_task(), new_task(unique=Unique("free")), unique(on_conflict="reject"))
    assert (raised.value.task_id, raised.value.number) == (first, 2)
    assert await counts(conn) == {"pending": 1}
    assert (await put_one(conn, new_task(unique=Unique("free"))))[0] == "stored"


OPTIONS: dict[str, Any] = {
    "task_name": "sub",
    "module_path": "another.module",
    "args": [5],
    "kwargs": {"a": 1},
    "max_retries": 7,
    "priority": 3,
    "ttl_seconds": 600.0,
    "metadata": {"m": [None]},
    "retry_delay": 0.5,
    "retry_backoff": False,
    "webhook_url": "https://example.org/",
    "timeout_seconds": 9.0,
    "request_id": "a request",
    "profile": True,
}


PLACES = """
SELECT 'ready' AS place, rank, expires_at, NULL::timestamptz AS due_at FROM lapinq_ready
 UNION ALL
SELECT 'delayed', rank, expires_at, due_at FROM lapinq_delayed
"""


@pytest.mark.parametrize("place", ["ready", "delayed"])
@pytest.mark.parametrize("becomes", ["ready", "delayed"])
async def test_a_waiting_task_is_replaced_by_all_that_the_other_says(
    conn: Conn, place: str, becomes: str
) -> None:
    times: dict[str, datetime | None] = {"ready": None, "delayed": IN_AN_HOUR}
    wanted: dict[str, Any] = {**OPTIONS, "scheduled_at": times[becomes]}
    _, first = await put_one(conn, unique(scheduled_at=times[place]))
    assert await put_one(conn, unique(on_conflict="replace", **wanted)) == ("replaced", first)
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute("SELECT * FROM lapinq_tasks")
    [stored] = await cursor.fetchall()
    await cursor.execute(PLACES)
    assert await cursor.fetchall() == [
        {"place": becomes, "rank": -3, "expires_at": stored["expires_at"], "due_at": times[becomes]}
    ]
    assert {name: stored[name] for name in wanted} == wanted
    assert (str(stored["id"]), stored["unique_key"], stored["unique_until"]) == (first, "k", "finished")
    await check_rows(conn, [first])


@pytest.mark.parametrize("later", [unique(on_conflict="replace", args=[2]), debounced(args=[2])])
async def test_a_task_of_a_workflow_is_never_replaced(conn: Conn, later: NewTask) -> None:
    child = member("child", unique("started", args=[1]), "parent")
    ids = await store(conn, [member("parent", new_task()), child])
    await take_unique_keys(conn, [child.task])
    assert await put_one(conn, later) == ("existing", ids["child"])
    assert await args_of(conn, ids["child"]) == [1]
    worker = await add_worker(conn)
    assert [one.id for one in await claim(conn, worker, 2)] == [ids["parent"]]


async def test_a_replaced_task_keeps_its_turn_and_a_retry_its_delay(conn: Conn) -> None:
    _, first = await put_one(conn, unique())
    await put(conn, new_task(unique=Unique("behind")))
    assert (await put_one(conn, unique(on_conflict="replace", args=[2])))[0] == "replaced"
    worker = await add_worker(conn)
    [held] = await claim(conn, worker)
    assert (held.id, msgspec.json.decode(held.args)) == (first, [2])
    assert await put_one(conn, unique(on_conflict="replace", args=[3])) == ("existing", first)
    await end(conn, held, Retry(600.0, "again"))
    assert await put_one(conn, unique(on_conflict="replace", args=[4])) == ("replaced", first)
    row = await maybe_row(conn, "SELECT starts, due_at > lapinq_now() + '5 minutes' FROM lapinq_delayed")
    assert row == (1, True)
    assert await args_of(conn, first) == [4]


async def test_in_one_request_the_second_meets_the_first(conn: Conn) -> None:
    tasks = [
        unique(args=[0]),
        new_task(),
        unique(args=[1]),
        unique(on_conflict="replace", args=[2], priority=9),
        new_task(unique=Unique("other")),
    ]
    answer = await put(conn, *tasks)
    first = tasks[0].id
    assert answer.task_ids == [first, tasks[1].id, first, first, tasks[4].id]
    assert answer.met == Met(existing=[2, 3], replaced=[3])
    assert await args_of(conn, first) == [2]
    assert await counts(conn) == {"pending": 3}
    with pytest.raises(UniqueConflict) as raised:
        await put(conn, new_task(unique=Unique("new")), new_task(unique=Unique("new", on_conflict="reject")))
    assert raised.value.number == 1
    await check_rows(conn, [first, tasks[1].id, tasks[4].id])


async def test_a_debounced_task_is_put_off_by_each_call_but_not_beyond_its_longest_wait(conn: Conn) -> None:
    async def due_in() -> float:
        [row] = await all_rows(
            conn, "SELECT extract(epoch FROM due_at - lapinq_now())::float8 FROM lapinq_delayed"
        )
        return row[0]

    _, first = await put_one(conn, debounced(100.0, 300.0, args=[0]))
    assert 99 < await due_in() <= 100
    await _pass(conn, 50)
    assert await put_one(conn, debounced(100.0, 300.0, args=[1])) == ("replaced", first)
    assert 99 < await due_in() <= 100
    await _pass(conn, 220)
    assert await put_one(conn, debounced(100.0, 300.0, args=[2])) == ("replaced", first)
    assert 29 < await due_in() <= 30
    await _pass(conn, 31)
    assert await put_one(conn, debounced(100.0, 300.0, args=[3])) == ("replaced", first)
    [held] = await claim(conn, await add_worker(conn))  # its longest wait is over
    assert (held.id, msgspec.json.decode(held.args)) == (first, [3])
    what, second = await put_one(conn, debounced(100.0, 300.0, args=[4]))
    assert (what, second != first) == ("stored", True)
    assert 99 < await due_in() <= 100


async def _pass(conn: Conn, seconds: int) -> None:
    """As if so much time had passed."""
    await conn.execute(
        "UPDATE lapinq_unique_keys SET first_at = first_at - %s * interval '1 second'", (seconds,)
    )
    await conn.execute("UPDATE lapinq_delayed SET due_at = due_at - %s * interval '1 second'", (seconds,))


async def test_fire_and_forget_with_a_key_waits_as_long_as_it_must_and_leaves_nothing(conn: Conn) -> None:
    _, first = await put_one(conn, unique(ttl_seconds=0.0))
    assert await put_one(conn, unique(ttl_seconds=0.0)) == ("existing", first)
    assert (await maintenance_jobs.expire(conn), await maintenance_jobs.cleanup(conn)) == (0, 0)
    worker = await add_worker(conn)
    [held] = await claim(conn, worker)
    await end(conn, held, Retry(0.0, "again"))
    assert await put_one(conn, unique(on_conflict="replace", ttl_seconds=0.0)) == ("replaced", first)
    assert (await maintenance_jobs.expire(conn), await maintenance_jobs.cleanup(conn)) == (0, 0)
    await complete(conn, await claim(conn, worker))
    assert await maintenance_jobs.cleanup(conn) == 1
    assert await status(conn, first) is None
    assert await counts(conn) == {}
