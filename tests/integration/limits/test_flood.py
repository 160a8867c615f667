"""What a claim reads where nearly all tasks that wait are of one key."""

import pytest

from lapinq_core.db.pool import PLAN_SETTINGS, configure
from lapinq_core.db.rows import first_value
from tests.integration.limits.test_lanes import govern
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue


async def read_of_whole_queue(conn: Conn) -> int:
    """How many tasks were read so far through the index of whole queues."""
    await conn.execute("SELECT pg_stat_force_next_flush()")
    return await first_value(
        conn, "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'lapinq_ready_claim'"
    )


@pytest.mark.parametrize("order", ["priority", "fair", "strict_per_key"])
async def test_a_flood_of_one_key_is_not_read_to_find_the_tasks_of_another(
    database: str, conn: Conn, order: str
) -> None:
    await configure(conn, **PLAN_SETTINGS)
    worker = await add_worker(conn)
    await govern(conn, start_order=order)
    await enqueue(conn, 3000, key="flood")
    await conn.execute("ANALYZE lapinq_ready")
    before = await read_of_whole_queue(conn)
    for number in range(4):
        await enqueue(conn, 1, key=f"tenant {number}")
        await complete(conn, await claim(conn, worker, 5))
    assert await read_of_whole_queue(conn) - before < 500
