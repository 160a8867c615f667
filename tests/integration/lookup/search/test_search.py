"""Finding tasks: by every filter and status, a window at a time, on pages that neither skip nor repeat."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult

from lapinq_api.operations.filters.task_values import read_named_arguments
from lapinq_core.db.rows import all_rows
from lapinq_core.domain.annotations.task_parameter import Given, Shape, TaskParameter
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import id_at
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.domain.tasks.shown_state import ShownState, states_of
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.fleet import workers
from lapinq_core.lookup.search import search
from lapinq_core.lookup.search.argument_positions import with_positions
from lapinq_core.lookup.search.backward_scan import BackwardScan
from lapinq_core.lookup.search.search import Count, Found, Search, TaskOrder
from lapinq_core.tasks import actions, bulk, worker_verbs
from lapinq_core.tasks.bulk import Batch
from lapinq_core.tasks.filters import TaskFilter, beginning, containing, in_states, pick_tasks
from tests.integration.tasks.test_inspect import one_of_each, one_of_each_state
from tests.integration.tasks.test_plans import crowd
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue

LONG = 60.0
"""Seconds in which a search surely comes to its end, however busy the machine is."""


async def find(conn: Conn, limit: int = 50, window: int = 500, **chosen: Any) -> Found:
    return await search.search(conn, Search(**chosen), limit, seconds=LONG, window=window)


async def ids(conn: Conn, window: int = 500, **chosen: Any) -> list[str]:
    found = await find(conn, window=window, **chosen)
    assert (found.more, found.looked_back_to) == (None, None)
    return [line.id for line in found.tasks]


async def number(conn: Conn, **chosen: Any) -> Count:
    return await search.count(conn, Search(**chosen), seconds=LONG)


async def test_each_status_is_found_alone_and_with_the_rest(database: str, conn: Conn) -> None:
    left = await one_of_each(conn, "left")
    right = await one_of_each(conn, "right")
    for window in (1, 500):
        assert await ids(conn, window) == sorted([*left.values(), *right.values()], reverse=True)
        for status in Status:
            both = [right[status], left[status]]
            rows: list[tuple[dict[str, Any], list[str]]] = [
                ({}, both),
                ({"queue": "left"}, both[1:]),
                ({"queue": "right", "task_name": "a%"}, both[:1]),
                ({"task_name": "nothing"}, []),
                ({"module": "tests.%"}, both),
                ({"module": "nothing"}, []),
                ({"args": "%1,1%"}, both),
                ({"args": "%7%"}, []),
                ({"name": "add"}, both),
                ({"name": "ADD"}, []),
                ({"before": both[0]}, both[1:]),
                ({"first": both[0]}, both[:1]),
                ({"last": both[1]}, both[1:]),
            ]
            for chosen, expected in rows if window > 1 else rows[::3]:
                assert await ids(conn, window, status=status, **chosen) == expected, (window, status, chosen)


SEVERAL: list[set[ShownState]] = [
    *({state} for state in ShownState),
    {ShownState.PAUSED, ShownState.STOPPING, ShownState.FAILED},
    set(states_of(Status.PENDING)),
    set(ShownState) - {ShownState.COMPLETED},
    set(ShownState) - {ShownState.PAUSED},
]


async def test_any_states_are_found_together_and_nothing_else(database: str, conn: Conn) -> None:
    window = 2

    made = await one_of_each_state(conn)
    for states in SEVERAL:
        chosen = in_states(TaskFilter(), states)
        limits: dict[str, Any] = {"status": chosen.status, "states": chosen.states}
        expected = sorted((made[state] for state in states), reverse=True)
        assert await ids(conn, window, **limits) == expected, states
        if len(states) > 1:
            await check_narrowed(conn, made, states, limits)
        # As the slow way finds them, and the walks of changes to many.
        async with conn.transaction():
            scan = BackwardScan(chosen, 100, 100, window, LONG)
            await scan.run_over_all_tasks(conn)
        assert scan.ids == expected
        walk = await bulk.begin(conn, chosen)
        assert walk is not None
        step = await bulk.count_tasks(conn, walk, Batch(size=100))
        assert step is not None
        assert step.done + step.running == len(states), states
        query = pick_tasks(chosen, 50)
        assert [str(row[0]) for row in await all_rows(conn, query, {})] == expected
        counted = await number(conn, **limits)
        assert (counted.number, counted.is_exact) == (len(states), True)
        assert await number(conn, **limits, queue="nothing") == Count(0, True, False)


async def check_narrowed(
    conn: Conn, made: dict[ShownState, str], states: set[ShownState], limits: dict[str, Any]
) -> None:
    """By other filters, tasks in some of the states are found as they are without."""
    expected = sorted((made[state] for state in states), reverse=True)
    failed = [made[ShownState.FAILED]] if ShownState.FAILED in states else []
    in_default = [one for one in expected if one not in {made[ShownState.PAUSED], made[ShownState.STOPPING]}]
    rows: list[tuple[dict[str, Any], list[str]]] = [
        ({"task_name": "a%"}, expected),
        ({"not_names": ["sub"], "not_errors": ["%x%"]}, expected),
        ({"queue": "default"}, in_default),
        ({"queues": ["default", "x"]}, in_default),
        ({"error": containing("no")}, failed),
        ({"not_errors": ["%no%", "%late%"]}, [one for one in expected if one not in failed]),
    ]
    for narrowed, found in rows:
        assert await ids(conn, 2, **limits, **narrowed) == found, (states, narrowed)


async def test_values_are_several_or_excluded(database: str, conn: Conn) -> None:
    [a] = await enqueue(
        conn, queue_name="a", task_name="add", kwargs={"to": "x@y"}, metadata={"by": "ü"}, key="acme-1"
    )
    [b] = await enqueue(conn, queue_name="b", task_name="sub", args=["x@y"], key="acme%")
    [c] = await enqueue(conn, queue_name="c", task_name="mul")
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({"queues": ["a", "c"]}, [c, a]),
        ({"not_queues": ["a", "c"]}, [b]),
        ({"names": ["add", "sub"], "not_queues": ["b"]}, [a]),
        ({"not_names": ["add", "sub"]}, [c]),
        ({"not_task_names": ["%u%", "nothing"]}, [a]),
        ({"arguments": "%x@y%"}, [b, a]),
        ({"args": "%x@y%"}, [b]),
        ({"kwargs": "%x@y%"}, [a]),
        ({"metadata": "%ü%"}, [a]),
        ({"keys": [beginning("acme*")]}, [b, a]),
        ({"keys": ["acme-1", "x"]}, [a]),
        ({"keys": [beginning("acme%")]}, [b]),
        ({"not_keys": ["acme-1"]}, [c, b]),
        ({"not_keys": [beginning("*")]}, [c]),
        ({"not_arguments": ["%x@y%"]}, [c]),
        ({"not_metadata": ["%ü%"]}, [c, b]),
        ({"not_results": ["%"], "not_error_kinds": ["x"]}, [c, b, a]),
    ]
    for chosen, expected in wanted:
        for status in (None, Status.PENDING):
            assert await ids(conn, status=status, **chosen) == expected, chosen
        walk = await bulk.begin(conn, TaskFilter(**chosen))
        assert walk is not None
        step = await bulk.count_tasks(conn, walk, Batch(size=100))
        assert step is not None
        assert step.done == len(expected)
    assert await number(conn, queues=["a", "c"]) == Count(2, True, False)
    none = in_states(TaskFilter(status=Status.FAILED), {ShownState.READY})  # they exclude each other
    assert none.statuses == set()
    assert await ids(conn, status=none.status, states=none.states) == []
    assert await number(conn, status=none.status, states=none.states) == Count(0, True, False)
    assert await bulk.begin(conn, none) is None


async def test_an_argument_is_found_by_its_name_wherever_the_call_gives_it(database: str, conn: Conn) -> None:
    order, email = (
        TaskParameter(
            name=name,
            given=Given.EITHER,
            type=None,
            shape=Shape.JSON,
            choices=None,
            may_be_null=False,
            is_required=True,
        )
        for name in ("order", "email")
    )
    for name, parameters in (("old", [email, order]), ("new", [order, email])):
        found = [Registered("send", "shop", "mail", {}, parameters), Registered("other", "shop", None, {})]
        await workers.record_registered(conn, await add_worker(conn, name=name), found)
    [by_name] = await enqueue(conn, task_name="x", kwargs={"order": {"id": 17, "a.b": None}})
    [by_place] = await enqueue(conn, task_name="send", args=["17", "Lisa@example.org"])
    [odd] = await enqueue(conn, task_name="send", args=[17])
    # Not written through lapinq, which refuses it; PostgreSQL can't read it.
    await conn.execute(
        """UPDATE lapinq_tasks SET kwargs = '{"email": "lisa@x", "odd": "\\u0000"}' WHERE id = %s""", (odd,)
    )
    [unknown] = await enqueue(conn, task_name="other", args=[17])
    rows: list[tuple[str, list[str]]] = [
        ("order=17", [by_place]),
        ("order.id=17", [by_name]),
        ("email=lisa*", [by_place]),
        ("email=lisa", []),
        ("order=17,email=lisa@example.org", [by_place]),
        ("order.id.x=17,nothing=1", []),
    ]
    for text, expected in rows:
        chosen = TaskFilter(named_arguments=read_named_arguments("x", {"x": text}))
        assert (
            await ids(conn, named_arguments=(await with_positions(conn, chosen)).named_arguments) == expected
        ), text
    assert len({by_name, by_place, odd, unknown}) == 4


async def test_delayed_tasks_are_sorted_by_when_they_are_due(database: str, conn: Conn) -> None:
    dues = [f"2099-0{month}-01T00:00:00Z" for month in (3, 1, 2, 2, 1)]
    march, january, february, twin, blocked = [(await enqueue(conn, scheduled_at=due))[0] for due in dues]
    await enqueue(conn)
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_never() WHERE id = %s", (blocked,))
    await conn.execute("UPDATE lapinq_delayed SET starts = 1 WHERE id = %s", (january,))
    first = await find(conn, 2, order=TaskOrder.DUE)
    assert [line.id for line in first.tasks] == [january, february]
    rest = await find(conn, 2, order=TaskOrder.DUE, before=first.more)
    assert ([line.id for line in rest.tasks], rest.more) == ([twin, march], None)
    waiting: dict[str, Any] = {"order": TaskOrder.DUE, "states": frozenset({ShownState.SCHEDULED})}
    assert await ids(conn, **waiting, task_name="a%") == [february, twin, march]
    assert (await number(conn, order=TaskOrder.DUE)).number == 4


async def test_what_an_end_left_is_found_in_what_has_ended(database: str, conn: Conn) -> None:
    made = await one_of_each(conn)
    texts: dict[Status, dict[str, Any]] = {
        Status.COMPLETED: {"result": containing("done")},
        Status.FAILED: {"error": containing("valueerror"), "error_kind": "ValueError: no"},
        Status.EXPIRED: {"error": containing("time to live")},
    }
    for status in Status:
        for ended, text in texts.items():
            expected = [made[status]] if status is ended else []
            assert await ids(conn, status=status, **text) == expected, (status, text)
            assert await ids(conn, status=status, queue="default", **text) == expected
            assert await ids(conn, status=status, queue="other", **text) == []
    for status, text in texts.items():
        assert await ids(conn, **text) == [made[status]]
        assert await ids(conn, task_name="add", **text) == [made[status]]
        assert await ids(conn, task_name="sub", **text) == []


async def test_a_worker_is_found_by_what_it_runs_and_what_it_ended(database: str, conn: Conn) -> None:
    made = await one_of_each(conn)
    line = (await find(conn, status=Status.RUNNING)).tasks[0]
    worker = line.worker_id
    assert worker is not None
    assert line.worker == "tester"
    other = await add_worker(conn)
    for status in Status:
        has_one = status in (Status.RUNNING, Status.COMPLETED, Status.FAILED)
        expected = [made[status]] if has_one else []
        assert await ids(conn, status=status, worker=worker) == expected, status
        assert await ids(conn, status=status, worker=other) == []
    started = [made[Status.FAILED], made[Status.COMPLETED], made[Status.RUNNING]]
    assert await ids(conn, worker=worker) == started
    assert await ids(conn, worker=worker, error=containing("no")) == [made[Status.FAILED]]
    # As all other verbs that take such a filter see it.
    query = pick_tasks(TaskFilter(worker=worker), 50)
    assert [str(row[0]) for row in await all_rows(conn, query, {"worker": worker})] == started


async def test_going_by_all_tasks_finds_the_same(database: str, conn: Conn) -> None:
    """What a search does where the table that it would look at is full of dead rows."""
    await one_of_each(conn, "left")
    await one_of_each(conn, "right")
    worker = (await find(conn, status=Status.RUNNING)).tasks[0].worker_id
    filters: list[dict[str, Any]] = [{}, {"queue": "left"}, {"task_name": "a%"}, {"worker": worker}]
    filters += [{"error": "%no%"}, {"result": "%done%"}, {"error_kind": "ValueError: no", "queue": "left"}]
    for status in (None, *Status):
        for given in filters if status in {None, Status.FAILED, Status.COMPLETED} else filters[:4]:
            chosen = TaskFilter(status=status, **given)
            expected = await ids(conn, status=status, **given)
            for window in (1, 3) if status is None else (3,):
                scan = BackwardScan(chosen, 100, 100, window, LONG)
                async with conn.transaction():
                    await scan.run_over_all_tasks(conn)
                assert (scan.ids, scan.is_over, scan.matched) == (expected, True, len(expected)), chosen


async def test_a_search_ends_when_it_has_all_tasks_of_the_queue(conn: Conn) -> None:
    await enqueue(conn, 20, queue_name="large")
    few = await enqueue(conn, 2, queue_name="small")
    for chosen, found in (
        (TaskFilter(queue="small"), few[::-1]),
        (TaskFilter(queue="small", task_name="a%"), few[::-1]),
        (TaskFilter(queue="none", task_name="a%"), []),
        (TaskFilter(queue="large", status=Status.COMPLETED), []),
    ):
        scan = BackwardScan(chosen, 100, 100, 2, LONG)
        async with conn.transaction():
            await scan.run_over_all_tasks(conn)
        assert (scan.ids, scan.is_over, scan.before) == (found, True, few[0]), chosen


async def test_a_long_queue_is_found_too(database: str, conn: Conn) -> None:
    await crowd(conn, "long", 2001)
    (last,) = await enqueue(conn, queue_name="other")
    found = await find(conn, 100, status=Status.PENDING, queue="long")
    newest = "SELECT id::text FROM lapinq_ready WHERE queue_name = 'long' ORDER BY id DESC LIMIT 100"
    assert [line.id for line in found.tasks] == [task for (task,) in await all_rows(conn, newest)]
    assert await ids(conn, status=Status.PENDING, queue="other") == [last]


async def test_pages_neither_skip_nor_repeat_while_tasks_arrive(database: str, conn: Conn) -> None:
    made: list[str] = []
    for _ in range(10):
        made += await enqueue(conn, queue_name="mine")
        await enqueue(conn, 3, queue_name="other")
    filters: list[dict[str, Any]] = [{"queue": "mine"}, {"queue": "mine", "status": Status.PENDING}]
    for chosen, window in itertools.product(filters, (2, 500)):
        seen: list[str] = []
        more: str | None = None
        while True:
            found = await find(conn, 3, window, before=more, **chosen)
            seen += [line.id for line in found.tasks]
            if found.more is None:
                break
            assert len(found.tasks) == 3
            more = found.more
            await enqueue(conn, 2, queue_name="mine")
        assert seen[-10:] == made[::-1]
        assert seen == sorted(set(seen), reverse=True)


async def test_a_search_whose_time_is_up_says_how_far_it_came_and_goes_on_from_there(
    database: str, conn: Conn
) -> None:
    old = str(id_at(1_700_000_000_000))
    wanted = await enqueue(conn, id=old, queue_name="mine")
    await crowd(conn, "default", 600)
    more: str | None = None
    found: list[str] = []
    pages = 0
    while more is not None or not pages:
        page = await search.search(conn, Search(queue="mine", before=more), 50, seconds=0.002, window=100)
        pages += 1
        found += [line.id for line in page.tasks]
        assert (page.looked_back_to is None) == (page.more is None)
        if page.more is not None:
            assert more is None or page.more <= more
            assert page.looked_back_to is not None
            assert page.looked_back_to <= datetime.now(UTC)
            assert page.more > old
        more = page.more
        assert pages < 2000
    assert (found, pages > 1) == (wanted, True)
    page = await search.search(conn, Search(queue="none"), 50, seconds=-1.0)
    assert page.tasks == []
    assert page.more is not None
    assert page.looked_back_to is not None
    assert await search.count(conn, Search(task_name="none"), seconds=-1.0) == Count(0, False, False)


async def test_since_and_until_are_bounds_of_ids(database: str, conn: Conn) -> None:
    times = [datetime(2026, 5, day, 12, tzinfo=UTC) for day in (1, 2, 3)]
    made = [(await enqueue(conn, id=str(id_at(int(when.timestamp() * 1000)))))[0] for when in times]
    for status in (None, Status.PENDING):
        assert await ids(conn, status=status, since=times[1]) == [made[2], made[1]]
        assert await ids(conn, status=status, until=times[1]) == [made[0]]
        assert await ids(conn, status=status, since=times[1], until=times[2]) == [made[1]]
        assert await ids(conn, status=status, since=times[2], until=times[1]) == []
    long_ago, far_off = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert await ids(conn, since=long_ago, until=far_off) == made[::-1]
    assert await ids(conn, until=long_ago) == []
    narrowed = search.as_filter(Search(since=times[1], until=times[2], queue="default", first=made[0]))
    assert (narrowed.first, narrowed.queue) == (made[1], "default")
    assert narrowed.last is not None
    assert made[1] < narrowed.last < made[2]


async def test_the_longest_running_come_first_page_by_page(database: str, conn: Conn) -> None:
    worker = await add_worker(conn)
    made = await enqueue(conn, 7)
    await claim(conn, worker, 7)
    # The oldest task is the last that was claimed, and two were at once.
    await conn.execute(
        "UPDATE lapinq_running r SET claimed_at = now() - least(place, 6) * interval '1 minute'"
        " FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM lapinq_running) AS p"
        " WHERE p.id = r.id"
    )
    seen: list[str] = []
    more: str | None = None
    for size in (1, 3, 3):
        found = await find(conn, size, order=TaskOrder.LONGEST_RUNNING, before=more)
        assert len(found.tasks) == size
        seen += [line.id for line in found.tasks]
        more = found.more
    assert more is None
    assert seen == [made[5], made[6], *made[4::-1]]
    assert await ids(conn, order=TaskOrder.LONGEST_RUNNING, queue="none") == []
    assert len(await ids(conn, order=TaskOrder.LONGEST_RUNNING, worker=worker, task_name="add")) == 7
    assert await ids(conn, order=TaskOrder.LONGEST_RUNNING, status=Status.FAILED) == seen


async def test_a_cursor_that_was_not_ours_is_refused(conn: Conn) -> None:
    cursors = ["", "x", "1|2", "2026-01-01T00:00:00|" + "0" * 32, "2026-01-01T00:00:00+00:00|x"]
    for cursor, order in itertools.product(cursors, TaskOrder):
        with pytest.raises(InvalidValue):
            await find(conn, before=cursor, order=order)


async def test_a_line_tells_what_a_table_shows(database: str, conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn, max_retries=7, priority=4)
    (held,) = await claim(conn, worker)
    await worker_verbs.report_progress(conn, [(held.id, held.token, 40, "half")])
    assert await actions.request_cancel(conn, held.id)
    (line,) = (await find(conn)).tasks
    assert (line.status, line.attempts, line.max_retries, line.priority) == (Status.RUNNING, 1, 7, 4)
    assert (line.progress, line.worker_id, line.worker, line.cancel_requested) == (40, worker, "tester", True)
    assert line.started_at is not None
    assert (line.completed_at, line.scheduled_at, line.error) == (None, None, None)
    await complete(conn, [held])
    (line,) = (await find(conn)).tasks
    assert line.status in FINAL
    assert line.completed_at is not None
    assert not line.cancel_requested
    await conn.execute("DELETE FROM lapinq_workers")
    (line,) = (await find(conn)).tasks
    assert (line.worker_id, line.worker) == (worker, None)


async def test_counts_of_queues_and_statuses_are_exact(database: str, conn: Conn) -> None:
    await one_of_each(conn, "left")
    await one_of_each(conn, "right")
    await enqueue(conn, 3, queue_name="right")
    assert await number(conn) == Count(15, True, False)
    assert await number(conn, queue="right") == Count(9, True, False)
    assert await number(conn, queue="none") == Count(0, True, False)
    for status in Status:
        more = 3 if status is Status.PENDING else 0
        assert await number(conn, status=status) == Count(2 + more, True, False)
        assert await number(conn, status=status, queue="left") == Count(1, True, False)


async def test_other_counts_are_exact_up_to_a_cap(database: str, conn: Conn) -> None:
    await enqueue(conn, 30)
    (task_id,) = await enqueue(conn, task_name="rare")
    chosen = Search(task_name="add")
    for window in (1, 4, 500):
        assert await search.count(conn, chosen, 30, seconds=LONG, window=window) == Count(30, True, False)
        assert await search.count(conn, chosen, 29, seconds=LONG, window=window) == Count(29, False, True)
    assert await number(conn, task_name="rare") == Count(1, True, False)
    # Paging doesn't change a count; filters do.
    assert await number(conn, before=task_id) == Count(31, True, False)
    assert await number(conn, last=task_id, first=task_id) == Count(1, True, False)
    assert await number(conn, status=Status.PENDING, error="%") == Count(0, True, False)
    assert await number(conn, order=TaskOrder.LONGEST_RUNNING) == Count(0, True, False)


async def test_a_search_goes_on_after_its_commit_was_cancelled(
    database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The limit of a statement that has just ended cancels the next one, which may be the COMMIT.
    execute = conn._exec_command  # pyright: ignore[reportPrivateUsage]
    cancelled: list[bytes] = []

    def cancel_first_commit(command: bytes) -> PQGen[PGresult | None]:
        if command == b"COMMIT" and not cancelled:
            cancelled.append(command)
            command = b"SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(60)"
        return execute(command)

    async def as_found(_: object, ids: list[str]) -> list[str]:
        return ids

    tasks = await enqueue(conn)
    monkeypatch.setattr(conn, "_exec_command", cancel_first_commit)
    scan = BackwardScan(TaskFilter(), 50, 50, 500, LONG)
    assert await search.run_scan(conn, scan, 50, as_found) == tasks
    assert cancelled
    assert conn.info.transaction_status == TransactionStatus.IDLE


async def test_tasks_are_found_by_when_they_ended(database: str, conn: Conn) -> None:
    made = await one_of_each(conn, "left")
    failed = made[Status.FAILED]
    await conn.execute(
        "UPDATE lapinq_attempts SET finished_at = lapinq_now() - interval '2 days' WHERE task_id = %s",
        (failed,),
    )
    now = datetime.now(UTC)
    day, week = now - timedelta(days=1), now - timedelta(days=7)
    rest = sorted((made[status] for status in FINAL if status is not Status.FAILED), reverse=True)
    for window in (1, 500):
        assert await ids(conn, window, ended_since=week, ended_until=day) == [failed]
        assert await ids(conn, window, ended_since=week, status=Status.FAILED) == [failed]
        assert await ids(conn, window, ended_since=day) == rest
        assert await ids(conn, window, ended_since=day, status=Status.FAILED) == []
        assert await ids(conn, window, ended_since=week, status=Status.PENDING) == []
    picked = pick_tasks(TaskFilter(ended_until=day, status=Status.FAILED), 9)
    params = msgspec.structs.asdict(TaskFilter(ended_until=day, status=Status.FAILED))
    assert [str(row[0]) for row in await all_rows(conn, picked, params)] == [failed]
