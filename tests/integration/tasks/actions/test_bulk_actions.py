"""Bulk actions: who works on them, and that each step and what is told of it are one."""

from typing import Any

import pytest
from psycopg import sql as psql

from lapinq_core.db.rows import all_rows, one_row
from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.domain.tasks.state import Status
from lapinq_core.people.audit import Author
from lapinq_core.tasks import bulk, bulk_actions
from lapinq_core.tasks.bulk import Batch, Step, Walk
from lapinq_core.tasks.bulk_actions import (
    MAX_ACTIVE_OF_ONE,
    BulkAction,
    BulkState,
    NewAction,
    Overtaken,
    Taken,
    TooManyActions,
    Verb,
)
from lapinq_core.tasks.filters import TaskFilter
from tests.integration.tasks.actions.test_bulk import noted
from tests.support.database.plans import touched
from tests.support.database.statements import text_of
from tests.support.rows.factories import Conn, counts, enqueue

ANA = Author(actor_kind=ActorKind.USER, actor_id=1, actor="ana")
PENDING = TaskFilter(status=Status.PENDING)


async def start(conn: Conn, queue: str | None = "default", by: Author = ANA) -> BulkAction:
    queues = None if queue is None else [queue]
    new = NewAction(verb=Verb.CANCEL, filters={"args": "1"}, queues=queues, expected=3)
    return await bulk_actions.start(conn, new, PENDING, "task.cancel_many", by=by)


async def take(conn: Conn, lease: float = bulk_actions.LEASE_SECONDS) -> Taken:
    taken = await bulk_actions.take(conn, lease)
    assert taken is not None
    return taken


async def step(conn: Conn, taken: Taken, size: int = 2) -> Step:
    walk = Walk(PENDING, taken.started, taken.until)
    batch = Batch(size=size, after=taken.reached)
    made = await bulk_actions.advance(conn, taken, bulk.cancel_tasks, walk, batch)
    assert made is not None
    return made


async def look(conn: Conn, action: BulkAction) -> BulkAction:
    found = await bulk_actions.get(conn, action.id)
    assert found is not None
    return found


async def test_another_server_goes_on_where_the_last_step_ended(conn: Conn) -> None:
    await enqueue(conn, 3)
    started = await start(conn)
    assert (started.state, started.done, started.expected) == (BulkState.WAITING, 0, 3)
    first = await take(conn, lease=0)
    await step(conn, first)
    await conn.execute("UPDATE lapinq_bulk_actions SET free_at = lapinq_now()")  # it fell silent
    second = await take(conn)
    assert (second.id, second.by.actor, second.filters) == (started.id, "ana", {"args": "1"})
    # The first one is not dead after all: its step is undone.
    with pytest.raises(Overtaken):
        await step(conn, first)
    assert (await look(conn, started)).done == 2
    await bulk_actions.end(conn, first)
    assert (await look(conn, started)).state is BulkState.RUNNING

    assert (await step(conn, second)).done == 1
    await bulk_actions.end(conn, second)
    ended = await look(conn, started)
    assert (ended.state, ended.done, ended.is_active) == (BulkState.COMPLETED, 3, False)
    assert (await counts(conn))["cancelled"] == 3
    assert await noted(conn) == [{"filters": {"args": "1"}, "bulk_action": started.id, "cancelled": 3}]
    assert await bulk_actions.take(conn) is None


async def test_a_stop_undoes_the_step_under_way_and_ends_it_for_good(conn: Conn) -> None:
    await enqueue(conn, 3)
    started = await start(conn)
    taken = await take(conn)
    await step(conn, taken, size=1)
    stopped = await bulk_actions.stop(conn, started.id, by=ANA)
    assert stopped is not None
    assert (stopped.state, stopped.done, stopped.stopped_by) == (BulkState.STOPPED, 1, "ana")
    with pytest.raises(Overtaken):
        await step(conn, taken)
    await bulk_actions.end(conn, taken)
    await bulk_actions.give_back(conn, taken)
    assert await bulk_actions.stop(conn, started.id, by=ANA) == stopped
    assert await bulk_actions.take(conn) is None
    assert (await counts(conn))["cancelled"] == 1
    entries = await all_rows(conn, "SELECT action, target FROM lapinq_audit ORDER BY id")
    assert entries == [("task.cancel_many", "default"), ("bulk.stop", started.id)]


async def test_servers_take_turns_with_those_that_wait_longest(conn: Conn) -> None:
    await enqueue(conn)
    ids = [(await start(conn)).id for _ in range(2)]
    first, second = await take(conn), await take(conn)
    assert [first.id, second.id] == ids
    assert await bulk_actions.take(conn) is None
    for taken in (second, first):
        await bulk_actions.give_back(conn, taken)
    await conn.execute(
        "UPDATE lapinq_bulk_actions SET free_at = free_at - interval '1 s' WHERE id = %s", (ids[1],)
    )
    assert [(await take(conn)).id for _ in ids] == ids[::-1]


async def test_one_without_tasks_ends_as_it_starts_and_too_many_are_refused(conn: Conn) -> None:
    assert (await start(conn)).state is BulkState.COMPLETED
    await enqueue(conn)
    for _ in range(MAX_ACTIVE_OF_ONE):
        await start(conn)
    with pytest.raises(TooManyActions):
        await start(conn)
    await start(conn, by=Author(actor_kind=ActorKind.KEY, actor="LAPINQ_API_KEY"))


async def test_who_reads_some_queues_sees_what_names_no_others(conn: Conn) -> None:
    await enqueue(conn)
    made = [await start(conn, queue) for queue in ("a", "b", None)]
    ids = [action.id for action in made][::-1]

    async def seen(**chosen: Any) -> list[str]:
        found, more = await bulk_actions.list_actions(conn, chosen.pop("limit", 10), **chosen)
        assert more is None
        return [one.id for one in found]

    assert await seen() == ids
    assert await seen(readable={"a", "c"}) == [ids[2]]
    assert await seen(before=ids[1]) == [ids[2]]
    found, more = await bulk_actions.list_actions(conn, 2)
    assert ([one.id for one in found], more) == (ids[:2], ids[1])
    await bulk_actions.stop(conn, ids[0], by=ANA)
    assert await seen(is_active=True) == ids[1:]


async def test_they_are_kept_for_a_month_after_their_end(conn: Conn) -> None:
    await enqueue(conn)
    kept, gone, active = [await start(conn) for _ in range(3)]
    for one, days in ((kept, 29), (gone, 31)):
        await bulk_actions.stop(conn, one.id, by=ANA)
        await conn.execute(
            "UPDATE lapinq_bulk_actions SET ended_at = ended_at - %s * interval '1 day' WHERE id = %s",
            (days, one.id),
        )
    assert await bulk_actions.prune(conn) == 1
    left, _ = await bulk_actions.list_actions(conn, 10)
    assert {one.id for one in left} == {kept.id, active.id}


async def test_looking_touches_little_beside_many_that_have_ended(conn: Conn) -> None:
    await enqueue(conn)
    await start(conn)
    await conn.execute(
        "INSERT INTO lapinq_bulk_actions (id, verb, filters, queues, actor_kind, actor, entry_id, created_at, free_at,"
        " ended_at, outcome) SELECT gen_random_uuid(), 'cancel', '{}', '{a}', 'user', 'ana', 1, lapinq_now(),"
        " lapinq_now(), lapinq_now(), 'completed' FROM generate_series(1, 5000)"
    )
    await conn.execute("ANALYZE lapinq_bulk_actions")
    page = {"limit": 51, "before": None, "queues": None, "is_active": False}
    for verb, params in (
        ("bulk_actions", page),
        ("bulk_actions", {**page, "queues": ["a"]}),
        ("bulk_actions", {**page, "is_active": True}),
        ("bulk_actions", {**page, "is_active": True, "queues": ["a"]}),
        ("count_bulk_actions", {"actor_kind": "user", "actor_id": 1}),
        ("take_bulk_action", {"lease": 1}),
        ("prune_bulk_actions", {"limit": 500}),
    ):
        statement = psql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) {}").format(
            psql.SQL(text_of(verb)).format(columns=psql.SQL("id"))
            if "{columns}" in text_of(verb)
            else psql.SQL(text_of(verb))
        )
        row = await one_row(conn, statement, params)
        assert touched(row[0][0]["Plan"]) < 120, (verb, params)
