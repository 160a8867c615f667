"""Tasks that differ only in id, key, arguments and metadata are handed over as one, and stored as any others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from psycopg.rows import dict_row

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake import enqueueing
from lapinq_core.intake.new_tasks import encoded
from tests.support.rows.factories import Conn, new_task

IN_AN_HOUR = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
ALL_FIELDS: dict[str, Any] = {
    "task_name": "a name",
    "module_path": "a.module",
    "queue_name": "a queue",
    "max_retries": 7,
    "priority": 5,
    "ttl_seconds": 600.0,
    "retry_delay": 0.5,
    "retry_backoff": False,
    "webhook_url": "https://example.org/",
    "timeout_seconds": 9.0,
    "request_id": "a request",
}


ALIKE: dict[str, list[dict[str, Any]]] = {
    "equal": [{}, {}],
    "without arguments": [{"args": []}, {"args": [], "kwargs": {}}],
    "arguments": [{"args": [1, "é\\\n'"]}, {"args": [True, {"a": [1.5]}]}, {"args": []}],
    "named arguments": [{"kwargs": {"a": 1}}, {"kwargs": {}}],
    "metadata": [{"metadata": {"a": 1}}, {"metadata": {"a": True}}, {}],
    "empty metadata": [{"metadata": {}}, {"metadata": {}}],
    "all fields": [ALL_FIELDS, {**ALL_FIELDS, "args": [2]}],
    "delayed": [{"scheduled_at": IN_AN_HOUR}] * 2,
    "past": [{"scheduled_at": datetime(2020, 1, 1, tzinfo=UTC)}] * 2,
    "keys": [{"key": "b", "args": [1]}, {"key": "é\\\"'"}, {"key": "b"}],
    "some keys": [{"key": "a"}, {}],
    "limits": [{"limits": {"z": 1, "a": 2}}, {"limits": {"a": 2, "z": 1}}],
    "keys and limits": [{"key": "a", "limits": {"z": 1}}, {"limits": {"z": 1}}],
    "all fields and keys": [{**ALL_FIELDS, "key": "a"}, {**ALL_FIELDS, "key": "b", "metadata": {"a": 1}}],
    "delayed with keys": [{"scheduled_at": IN_AN_HOUR, "key": "a"}, {"scheduled_at": IN_AN_HOUR, "key": "b"}],
    "fire and forget": [{"ttl_seconds": 0, "key": "a"}, {"ttl_seconds": 0, "key": "b"}],
}


async def test_alike_tasks_are_stored_as_each_of_them_alone(conn: Conn) -> None:
    async def stored(made: list[NewTask], *calls: list[NewTask]) -> list[Any]:
        async with conn.transaction(force_rollback=True):
            taken = [await enqueueing.take_in(conn, call) for call in calls]
            return [taken[0].queues, taken[0].due_in is None, await _rows(conn, made)]

    for name, all_values in ALIKE.items():
        made = [new_task(**values) for values in all_values]
        assert (is_one(made), is_one(made[:1])) == (name != "fire and forget", False), name
        assert await stored(made, made) == await stored(made, *([task] for task in made)), name


@pytest.mark.parametrize("value", [{"queue_name": "other"}, {"priority": 1}, {"scheduled_at": IN_AN_HOUR}])
def test_tasks_that_differ_in_another_field_are_not_alike(value: dict[str, Any]) -> None:
    assert not is_one([new_task(), new_task(**value)])
    assert not is_one([new_task(key="a"), new_task(**value)])


async def test_tasks_of_which_some_are_profiled_are_stored_as_others(conn: Conn) -> None:
    made = [new_task(**ALL_FIELDS, profile=True), new_task()]
    assert not is_one(made)
    assert not is_one([msgspec.structs.replace(task, profile=True) for task in made])
    async with conn.transaction(force_rollback=True):
        await enqueueing.take_in(conn, made)
        rows = await _rows(conn, made)
        assert [row["task"].pop("profile") for row in rows[:2]] == [True, None]
    async with conn.transaction(force_rollback=True):
        await enqueueing.take_in(conn, [msgspec.structs.replace(task, profile=False) for task in made])
        plain = await _rows(conn, made)
        assert [row["task"].pop("profile") for row in plain[:2]] == [None, None]
    assert rows == plain


def is_one(tasks: list[NewTask]) -> bool:
    """Whether they are handed over as one."""
    return encoded(tasks).startswith("{")


async def _rows(conn: Conn, tasks: list[NewTask]) -> list[Any]:
    """What the transaction stored of `tasks`, with times relative to that of the enqueue, and the counts."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "WITH stored AS (SELECT t AS task, d AS delayed, r AS ready, row_number() OVER (ORDER BY r.seq) AS place"
        "                  FROM lapinq_tasks t LEFT JOIN lapinq_ready r USING (id)"
        "                  LEFT JOIN lapinq_delayed d USING (id)"
        "                 WHERE t.id = ANY (%s::uuid[]))"
        "SELECT to_jsonb(task) - '{created_at,expires_at}'::text[] AS task, (task).args::text, place,"
        "       to_jsonb(ready) - '{seq,expires_at}'::text[] AS ready,"
        "       to_jsonb(delayed) - '{expires_at}'::text[] AS delayed,"
        "       (task).expires_at - (task).created_at AS lives,"
        "       coalesce((ready).expires_at, (delayed).expires_at) - (task).created_at AS waits"
        "  FROM stored ORDER BY (task).id",
        ([task.id for task in tasks],),
    )
    rows = await cursor.fetchall()
    await cursor.execute("SELECT queue_name, sum(pending) FROM lapinq_counts GROUP BY queue_name ORDER BY 1")
    rows += await cursor.fetchall()
    await cursor.execute(
        "SELECT queue_name, array_agg(DISTINCT lane) AS told, min(rank), bool_and(rank IS NOT NULL)"
        "  FROM lapinq_lane_news CROSS JOIN unnest(lanes) AS lane"
        " GROUP BY queue_name"
    )
    return [*rows, *await cursor.fetchall()]
