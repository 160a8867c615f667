"""The results of many tasks at a time."""

import json

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import inspect
from tests.integration.tasks.test_inspect import one_of_each
from tests.integration.tasks.test_plans import crowd
from tests.support.database.plans import plan, scanned_whole, touched
from tests.support.rows.factories import Conn


async def test_they_are_those_of_each_by_itself(conn: Conn) -> None:
    made = await one_of_each(conn, queue="results")
    unknown = "00000000-0000-0000-0000-000000000000"
    found = await inspect.get_results(conn, [*made.values(), unknown])
    assert {task_id: status for task_id, (status, _) in found.items()} == {
        task_id: status for status, task_id in made.items()
    }
    for task_id, result in found.items():
        assert result == await inspect.get_result(conn, task_id)
    assert json.loads(found[made[Status.COMPLETED]][1])["status"] == "completed"
    assert await inspect.get_results(conn, []) == {}


async def test_they_are_found_by_the_primary_keys(conn: Conn) -> None:
    await crowd(conn, "crowded", 20_000)
    await conn.execute("ANALYZE lapinq_ready, lapinq_tasks")
    rows = await all_rows(conn, "SELECT id::text FROM lapinq_tasks LIMIT 100")
    found = await plan(conn, "get_results", {"ids": [row[0] for row in rows]})
    assert not set(scanned_whole(found)) & {"lapinq_ready", "lapinq_tasks", "lapinq_tasks_default"}
    assert touched(found) <= 1_000
