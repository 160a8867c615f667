"""How much disk a history takes, and how long vacuum and ANALYZE take over it."""

import time
from collections.abc import Generator
from typing import LiteralString

import psycopg

_SIZES: LiteralString = """
SELECT parent.relname,
       sum(pg_relation_size(c.oid))::bigint,
       sum(pg_indexes_size(c.oid))::bigint,
       sum(pg_total_relation_size(c.oid) - pg_relation_size(c.oid) - pg_indexes_size(c.oid))::bigint,
       sum(greatest(c.reltuples, 0))::bigint
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
  JOIN pg_class parent ON parent.oid = i.inhparent
 WHERE parent.relkind = 'p'
 GROUP BY parent.relname
 ORDER BY parent.relname DESC
"""
_INDEXES: LiteralString = """
SELECT parent.relname, sum(pg_relation_size(i.inhrelid))::bigint
  FROM pg_inherits i
  JOIN pg_class parent ON parent.oid = i.inhparent
 WHERE parent.relkind = 'I'
 GROUP BY parent.relname
 ORDER BY 2 DESC
"""
_LARGEST_WEEK: LiteralString = """
SELECT right(relname, 8) FROM pg_class WHERE relname ~ '^lapinq_tasks_[0-9]{8}$' ORDER BY relpages DESC LIMIT 1
"""


def lines(url: str) -> Generator[str]:
    """Sizes by table and index, and times of vacuum: of the whole database, and of its largest week."""
    with psycopg.connect(url, autocommit=True) as conn:
        yield from _disk(conn)
        row = conn.execute(_LARGEST_WEEK).fetchone()
        assert row is not None
        for title, command in (
            ("VACUUM (FREEZE, ANALYZE), all", "VACUUM (FREEZE, ANALYZE)"),
            ("VACUUM again, nothing to do", "VACUUM"),
            ("ANALYZE lapinq_tasks, lapinq_attempts", "ANALYZE lapinq_tasks, lapinq_attempts"),
            (
                f"ANALYZE of the week {row[0]}, as autovacuum does it",
                f"ANALYZE lapinq_tasks_{row[0]}, lapinq_attempts_{row[0]}",
            ),
        ):
            began = time.perf_counter()
            conn.execute(command.encode())
            yield f"{title}: {time.perf_counter() - began:.1f} s"


def _disk(conn: psycopg.Connection) -> Generator[str]:
    sizes = conn.execute(_SIZES).fetchall()
    most = max(rows for *_, rows in sizes)  # bytes a task are MB a million
    for table, heap, indexes, rest, rows in sizes:
        yield (
            f"{table}: {rows:,} rows; MB a million tasks: heap {heap / most:.0f},"
            f" indexes {indexes / most:.0f}, TOAST and maps {rest / most:.1f}"
        )
    for index, size in conn.execute(_INDEXES).fetchall():
        yield f"  {index}: {size / most:.1f} MB a million tasks"
    total = sum(sum(parts) for _, *parts, _ in sizes)
    yield f"together {total / 1e9:.2f} GB, {total / most:.0f} MB a million tasks"
