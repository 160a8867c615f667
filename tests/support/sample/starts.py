"""What tasks and workers left behind: files of `tasks.mark`, beats in the database."""

from collections import Counter
from pathlib import Path

import psycopg


def starts(directory: Path) -> Counter[str]:
    """How often each task that leaves a file for each start was started."""
    return Counter(path.name.split(".")[0] for path in directory.glob("*.started.*"))


def calm_workers(database: str) -> int:
    """Workers that have beaten for longer than a lease of 3 s, and so may judge others."""
    with psycopg.connect(database) as conn:
        row = conn.execute(
            "SELECT count(*) FROM lapinq_workers WHERE beat_at - started_at > interval '3.5 seconds'"
        ).fetchone()
    return row[0] if row else 0
