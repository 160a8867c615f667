"""Looking at tasks: objects, lists by every filter, results and counts, and what they cost on full tables."""

from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import msgspec
from psycopg import sql as psql

from lapinq_core.db.rows import maybe_row, one_row
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.shown_state import ShownState
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks import actions, inspect, worker_verbs
from lapinq_core.tasks.filters import TaskFilter, pick_tasks
from lapinq_core.tasks.inspect import QueueCounts, _task_objects  # pyright: ignore[reportPrivateUsage]
from lapinq_core.tasks.worker_verbs import Ended
from lapinq_core.upkeep import maintenance_jobs
from tests.integration.tasks.test_plans import crowd, past_the_trigger
from tests.support.database import plans
from tests.support.database.statements import text_of
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue, pause

FIELDS = [
    "id", "task_name", "queue_name", "module_path", "args", "kwargs", "status", "result", "error", "attempts",
    "max_retries", "priority", "metadata", "progress", "progress_message", "retry_delay", "retry_backoff",
    "webhook_url", "ttl_seconds", "ttl_remaining", "worker_id", "created_at", "scheduled_at", "started_at",
    "completed_at", "timeout_seconds", "request_id", "rerun_of", "key", "limits", "workflow_id", "waiting_for",
    "unique_key",
]  # fmt: skip


async def one_of_each(conn: Conn, queue: str = "default") -> dict[Status, str]:
    """The id of a task of every status, all in `queue`; they were enqueued in the order of `Status`."""
    ids = await enqueue(conn, len(Status), queue_name=queue)
    made = dict(zip(Status, ids, strict=True))
    await conn.execute(
        "UPDATE lapinq_ready SET expires_at = now() - interval '1 s' WHERE id = %s", (made[Status.EXPIRED],)
    )
    assert await maintenance_jobs.expire(conn) == 1
    assert await actions.cancel(conn, made[Status.CANCELLED])
    worker = await add_worker(conn)
    held = {one.id: one for one in await claim(conn, worker, 4, queue)}
    await complete(conn, [held[made[Status.COMPLETED]]], '"done"')
    failed, waiting = held[made[Status.FAILED]], held[made[Status.PENDING]]
    await worker_verbs.settle(
        conn, [Ended(failed.id, failed.token, True, True, 0, "ValueError: no", "Traceback …")]
    )
    await worker_verbs.release(conn, [waiting])
    return made


async def one_of_each_state(conn: Conn, queue: str = "default") -> dict[ShownState, str]:
    """The id of a task in each state that people think in; two are in queues of their own."""
    of_status = await one_of_each(conn, queue)
    made = {ShownState(status.value): of_status[status] for status in (*FINAL, Status.RUNNING)}
    made[ShownState.READY] = of_status[Status.PENDING]
    states = (ShownState.SCHEDULED, ShownState.RETRYING, ShownState.BLOCKED, ShownState.SUSPENDED)
    later = await enqueue(conn, len(states), queue_name=queue, scheduled_at="2099-01-01T00:00:00Z")
    made |= dict(zip(states, later, strict=True))
    await conn.execute("UPDATE lapinq_delayed SET starts = 1 WHERE id = ANY (%s)", (later[1:],))
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_never() WHERE id = %s", (later[2],))
    await conn.execute(
        "INSERT INTO lapinq_steps (task_id, name, occurrence, kind, started_at, attempt, claim_seq)"
        " VALUES (%s, 'approve', 0, 'signal', lapinq_now(), 2, 1)",
        (later[3],),
    )
    [made[ShownState.STOPPING]] = await enqueue(conn, queue_name=f"stopping {queue}")
    await claim(conn, await add_worker(conn), queue=f"stopping {queue}")
    assert await actions.request_cancel(conn, made[ShownState.STOPPING])
    [made[ShownState.PAUSED]] = await enqueue(conn, queue_name=f"held {queue}")
    await pause(conn, f"held {queue}")
    return made


async def get(conn: Conn, task_id: str) -> dict[str, Any]:
    text = await inspect.get_task(conn, task_id)
    assert text is not None
    return msgspec.json.decode(text)


async def listed(conn: Conn, limit: int = 50, **chosen: Any) -> list[str]:
    objects, _ = await inspect.list_tasks(conn, TaskFilter(**chosen), limit)
    return [msgspec.json.decode(text)["id"] for text in objects]


async def test_a_task_object_has_the_published_fields_in_their_order(conn: Conn) -> None:
    given: dict[str, Any] = {
        "args": [1, "ü"],
        "kwargs": {"a": None},
        "metadata": {"b": 1},
        "priority": 5,
        "ttl_seconds": 90,
        "retry_delay": 2.5,
        "webhook_url": "https://x/",
        "request_id": "r-7",
        "key": "acme",
        "limits": {"openai": 7},
    }
    [task_id] = await enqueue(conn, **given)
    shown = await get(conn, task_id)
    assert list(shown) == FIELDS
    assert shown.pop("created_at").endswith("+00:00")
    assert 80 < shown.pop("ttl_remaining") <= 90
    assert shown == {
        **dict.fromkeys(shown),
        **given,
        "id": task_id,
        "task_name": "add",
        "queue_name": "default",
        "module_path": "tests.support.sample.tasks",
        "status": "pending",
        "attempts": 0,
        "max_retries": 3,
        "retry_backoff": True,
    }
    (late,) = await enqueue(conn, ttl_seconds=0.001)
    assert (await get(conn, late))["ttl_remaining"] == 0


async def test_an_object_and_a_result_tell_where_the_task_stands(conn: Conn) -> None:
    made = await one_of_each(conn)
    unknown = new_id()
    results = await inspect.get_results(conn, [*made.values(), unknown])
    assert results.keys() == set(made.values())
    for status, task_id in made.items():
        task = await get(conn, task_id)
        assert (task["status"], bool(task["completed_at"])) == (status.value, status in FINAL)
        assert task["ttl_remaining"] is None
        if status in {Status.RUNNING, Status.COMPLETED, Status.FAILED}:
            assert task["attempts"] == 1
            assert task["worker_id"]
            assert task["started_at"] > task["created_at"]
        else:
            assert (task["attempts"], task["worker_id"]) == (0, None)
        found = await inspect.get_result(conn, task_id)
        assert found is not None
        assert found == results[task_id]
        assert found[0] is status
        result = msgspec.json.decode(found[1])
        assert result == {name: task[name] for name in ("id", "status", "result", "error", "completed_at")}
    assert (await get(conn, made[Status.COMPLETED]))["result"] == '"done"'
    assert (await get(conn, made[Status.FAILED]))["error"] == "ValueError: no"
    assert await inspect.get_result(conn, unknown) is None
    assert await inspect.get_task(conn, unknown) is None
    assert await inspect.get_results(conn, []) == {}


async def test_a_list_is_narrowed_by_each_status_alone_and_with_the_rest(conn: Conn) -> None:
    made = await one_of_each(conn, "left")
    other = await one_of_each(conn, "right")
    assert await listed(conn) == sorted([*made.values(), *other.values()], reverse=True)
    for status in Status:
        assert await listed(conn, status=status) == [other[status], made[status]]
        assert await listed(conn, status=status, queue="right", task_name="a%") == [other[status]]
        assert await listed(conn, status=status, task_name="nothing") == []
        assert await listed(conn, status=status, before=other[status]) == [made[status]]
    assert await listed(conn, queue="left") == sorted(made.values(), reverse=True)


async def test_scheduled_tasks_are_among_the_pending_in_the_order_of_enqueueing(conn: Conn) -> None:
    ids: list[str] = []
    for _ in range(3):
        ids += await enqueue(conn)
        ids += await enqueue(conn, scheduled_at="2099-01-01T00:00:00Z")
    assert await listed(conn, status=Status.PENDING) == ids[::-1]


async def test_a_page_ends_before_it_is_too_large_and_the_next_one_goes_on(database: str, conn: Conn) -> None:
    sizes = [10, 10, 500, 500, 3000, 10, 400, 400, 400]
    ids = [(await enqueue(conn, args=["x" * size]))[0] for size in sizes]

    async def pages(limit: int, most: int) -> list[list[str]]:
        found: list[list[str]] = []
        last: str | None = None
        while not found or last:
            objects, last = await inspect.list_tasks(conn, TaskFilter(before=last), limit, most)
            found.append([msgspec.json.decode(text)["id"] for text in objects])
        return found

    parted = await pages(limit=4, most=2500)
    assert [one for page in parted for one in page] == ids[::-1]
    # Of about 700 bytes besides: three of 400; what goes with the large one is too much for either neighbour.
    assert [len(page) for page in parted] == [2, 2, 1, 2, 2]
    for limit, most, expected in ((4, 10**6, [4, 4, 1]), (9, 10**6, [9]), (9, 1, [1] * 9)):
        assert [len(page) for page in await pages(limit, most)] == expected


async def test_the_database_makes_no_objects_beyond_the_page(database: str, conn: Conn) -> None:
    await enqueue(conn, 20, args=["x" * 1_000_000], ttl_seconds=1000.0)
    await conn.execute("CREATE SEQUENCE looks")
    await conn.execute(
        "CREATE OR REPLACE FUNCTION lapinq_now() RETURNS timestamptz LANGUAGE plpgsql VOLATILE"
        " AS 'BEGIN PERFORM nextval(''looks''); RETURN clock_timestamp(); END'"
    )
    objects, last = await inspect.list_tasks(conn, TaskFilter(), 20, 2_500_000)
    assert len(objects) == 2
    assert last is not None
    row = await one_row(conn, "SELECT last_value FROM looks")
    assert row[0] < 10, "each object takes a look at the clock"
    assert len((await inspect.list_tasks(conn, TaskFilter(before=last), 2))[0]) == 2


async def test_counts_and_the_newest_tasks_are_told_in_an_overview(conn: Conn) -> None:
    assert await inspect.count_queues(conn) == []
    made = await one_of_each(conn, "b")
    await enqueue(conn, 3, queue_name="a")
    counted = [QueueCounts("a", 3, 0, 0, 0, 0, 0), QueueCounts("b", 1, 1, 1, 1, 1, 1)]
    assert await inspect.count_queues(conn) == counted
    shown = await inspect.overview(conn, 7)
    assert shown.queues == counted
    assert [line.id for line in shown.tasks][3:] == sorted(made.values(), reverse=True)[:4]
    by_status = {line.status: line for line in shown.tasks}
    assert by_status[Status.FAILED].error == "ValueError: no"
    assert by_status[Status.FAILED].duration is not None
    assert by_status[Status.CANCELLED].duration is None
    assert all(0 < line.age < 60 for line in shown.tasks)


async def test_a_line_tells_the_state_that_people_think_in_and_small_arguments(conn: Conn) -> None:
    made = await one_of_each_state(conn)
    [large] = await enqueue(conn, args=[token_hex(4000)], kwargs={"a": "ü"}, queue_name="large")
    lines = {line.id: line for line in await inspect.newest_tasks(conn, TaskFilter(), 50)}
    assert {state: lines[task_id].state for state, task_id in made.items()} == {
        state: state for state in ShownState
    }
    line = lines[made[ShownState.SCHEDULED]]
    assert (line.args, line.kwargs) == ("[1,1]", "{}")
    assert (lines[large].args, lines[large].kwargs) == (None, '{"a":"ü"}')


async def test_looking_touches_little_of_full_tables(conn: Conn) -> None:
    """With completed tasks and many that wait above one of each status."""
    made = await one_of_each(conn)
    worker = await add_worker(conn)
    async with past_the_trigger(conn):
        for _ in range(2):
            await enqueue(conn, 500)
            await complete(conn, await claim(conn, worker, 501))
        await crowd(conn, "default", 6000)
    await conn.execute("ANALYZE")
    for status in (None, *Status):
        statement = _task_objects(pick_tasks(TaskFilter(status=status), 21))
        assert await touched(conn, statement, {}) < 21 * 12, status
    for status in (Status.RUNNING, Status.FAILED, Status.CANCELLED, Status.EXPIRED):
        assert await listed(conn, status=status) == [made[status]]
    statement = psql.SQL(text_of("newest_tasks")).format(picked=pick_tasks(TaskFilter(), 20))
    assert await touched(conn, statement, {}) < 20 * 12


async def touched(conn: Conn, statement: psql.Composable, params: dict[str, Any]) -> float:
    row = await one_row(conn, psql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) {}").format(statement), params)
    return plans.touched(row[0][0]["Plan"])


async def test_a_history_is_the_task_with_its_attempts_in_their_order(conn: Conn) -> None:
    planned = datetime(2026, 1, 31, tzinfo=UTC)
    [waiting] = await enqueue(conn, args=["waiting"], metadata={"a": 1}, priority=3, scheduled_at=planned)
    [task] = await enqueue(conn, queue_name="tried")
    worker = await add_worker(conn)
    await conn.execute(
        "INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, traceback, finished_at)"
        " SELECT %s, 1, false, 'failed', n::text, 'Traceback …', lapinq_now() - (1000 - n) * interval '1 s'"
        " FROM generate_series(0, %s) AS n",
        (task, inspect.MAX_ATTEMPTS),
    )
    [held] = await claim(conn, worker, queue="tried")

    found = await history(conn, waiting)
    assert (found["args"], found["kwargs"], found["metadata"]) == (["waiting"], {}, {"a": 1})
    assert (found["priority"], found["queue_name"]) == (3, "default")
    assert (found["status"], found["attempts"], found["result"]) == ("pending", [], None)
    assert datetime.fromisoformat(found["scheduled_at"]) == planned
    assert found["completed_at"] is None

    running = await history(conn, task)
    assert running["status"] == "running"
    *before, last = running["attempts"]
    assert [one["error"] for one in before] == [f"{n}" for n in range(1, inspect.MAX_ATTEMPTS + 1)]
    assert {(one["outcome"], one["traceback"]) for one in before} == {("failed", "Traceback …")}
    assert (last["outcome"], last["worker_id"]) == ("running", worker)

    assert await complete(conn, [held], '"done"') == 1
    done = await history(conn, task)
    assert (done["status"], done["result"]) == ("completed", '"done"')
    assert done["attempts"][-1]["outcome"] == "completed"
    assert done["attempts"][-1]["started_at"] < done["completed_at"]
    assert await history(conn, new_id()) is None


async def history(conn: Conn, task_id: str) -> Any:
    row = await maybe_row(conn, inspect.history_statement().encode(), {"id": task_id})
    return msgspec.json.decode(row[0]) if row else None
