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
SELECT relname FROM pg_class WHERE relname ~ '^lapinq_tasks_[0-9]{8}$' ORDER BY relpages DESC LIMIT 1
"""


def lines(url: str) -> Generator[str]:
    """Sizes by table and index, and times of vacuum: of the whole database, and of its largest week."""
    with psycopg.connect(url, autocommit=True) as conn:
        yield from _disk(conn)
        yield f"VACUUM (FREEZE, ANALYZE), all: {_seconds(conn, 'VACUUM (FREEZE, ANALYZE)'):.1f} s"
        yield f"VACUUM again, nothing to do: {_seconds(conn, 'VACUUM'):.1f} s"
        yield f"ANALYZE lapinq_tasks, lapinq_attempts: {_seconds(conn, 'ANALYZE lapinq_tasks, lapinq_attempts'):.1f} s"
        row = conn.execute(_LARGEST_WEEK).fetchone()
        assert row is not None
        week = row[0].removeprefix("lapinq_tasks_")
        both = f"lapinq_tasks_{week}, lapinq_attempts_{week}"
        yield f"ANALYZE of the week {week}, as autovacuum does it: {_seconds(conn, f'ANALYZE {both}'):.1f} s"


def _disk(conn: psycopg.Connection) -> Generator[str]:
    sizes = conn.execute(_SIZES).fetchall()
    millions = max(rows for *_, rows in sizes) / 1e6
    total = 0
    for table, heap, indexes, rest, rows in sizes:
        total += heap + indexes + rest
        yield (
            f"{table}: {rows:,} rows; MB a million tasks: heap {heap / millions / 1e6:.0f},"
            f" indexes {indexes / millions / 1e6:.0f}, TOAST and maps {rest / millions / 1e6:.1f}"
        )
    for index, size in conn.execute(_INDEXES).fetchall():
        yield f"  {index}: {size / millions / 1e6:.1f} MB a million tasks"
    yield f"together {total / 1e9:.2f} GB, {total / millions / 1e6:.0f} MB a million tasks"


def _seconds(conn: psycopg.Connection, command: str) -> float:
    began = time.perf_counter()
    conn.execute(command.encode())
    return time.perf_counter() - began
