"""Named limits for tests of what takes from them."""

import psycopg
from psycopg.types.json import Jsonb


def add_limit(db: psycopg.Connection, name: str, *, burst: int | None = None) -> None:
    """A limit with a rate of `burst` units a minute, or else of one running task."""
    rate = None if burst is None else Jsonb({"limit": burst, "period_seconds": 60, "burst": burst})
    db.execute(
        "INSERT INTO lapinq_limits (name, max_running, rate, created_at) VALUES (%s, %s, %s, now())"
        " ON CONFLICT (name) DO NOTHING",
        (name, 1 if burst is None else None, rate),
    )
