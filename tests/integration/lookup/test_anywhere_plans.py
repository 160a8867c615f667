"""The search of everything walks from key to key, however many tasks have each."""

from tests.support.database.plans import plan, touched
from tests.support.rows.factories import Conn, enqueue


async def test_keys_are_found_by_their_indexes(conn: Conn) -> None:
    for n in range(40):
        await enqueue(conn, 50, queue_name=f"q{n % 4}", key=f"acme {n:02}")
    await conn.execute("ANALYZE lapinq_ready")
    found = await plan(conn, "match_keys", {"text": "acme", "queues": None, "limit": 5})
    assert touched(found) <= 4 * 6 * 2 + 100  # what is left are the counts
