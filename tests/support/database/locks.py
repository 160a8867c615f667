"""Whether a statement on another connection waits for a lock."""

from tests.support.rows.factories import Conn


async def is_held_up(looking: Conn, other: Conn) -> bool:
    """Asked on `looking`: whether what `other` executes waits for a lock."""
    cursor = await looking.execute(
        "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [other.info.backend_pid]
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])
