"""Whether a statement on another connection waits for a lock."""

from lapinq_core.db.rows import first_value
from tests.support.rows.factories import Conn


async def is_held_up(looking: Conn, other: Conn) -> bool:
    """Asked on `looking`: whether what `other` executes waits for a lock."""
    waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    return bool(await first_value(looking, waits, [other.info.backend_pid]))
