"""What a stored task has where its JSON says nothing."""

from typing import Any

import msgspec
import pytest
from psycopg.rows import dict_row

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake import enqueueing
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn, new_task

TRANSIENT = ("queue_name", "args", "kwargs", "metadata", "timeout_seconds", "request_id")
"""The fields that are kept of a fire-and-forget task."""


@pytest.mark.parametrize("ttl_seconds", [None, 0])
def test_the_statements_know_the_defaults_of_a_task(shared_database: str, ttl_seconds: float | None) -> None:
    task = NewTask(id=new_task().id, task_name="a", module_path="b", ttl_seconds=ttl_seconds)
    said: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(task))
    assert set(said) - {"ttl_seconds"} == {"id", "task_name", "module_path"}

    async def test(conn: Conn) -> dict[str, Any]:
        async with conn.transaction(force_rollback=True):
            await enqueueing.enqueue(conn, [task])
            table = "lapinq_transient" if task.is_transient else "lapinq_tasks"
            cursor = conn.cursor(row_factory=dict_row)
            await cursor.execute(f"SELECT * FROM {table} WHERE task_name = 'a' AND module_path = 'b'")  # pyright: ignore[reportArgumentType]
            [row] = await cursor.fetchall()
            return row

    row = on_connections(shared_database, test)
    # A task without a profile or a unique key pays for no column.
    expected = {**msgspec.structs.asdict(task), "id": row.get("id"), "profile": None}
    row |= {"unique": row.get("unique_key"), "debounce": row.get("unique_until")}
    del expected["is_blocked"]  # no column: it decides in which table the task waits
    kept = TRANSIENT if task.is_transient else expected
    assert {name: row[name] for name in kept} == {name: expected[name] for name in kept}
    assert row["rank"] == 0 if task.is_transient else str(row["id"]) == task.id
