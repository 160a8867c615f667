"""A PostgreSQL database that a contender keeps its tasks in."""

from collections.abc import Generator
from contextlib import contextmanager

import psycopg


class PostgresStore:
    """`stored` and `unfinished` are queries for one number: all tasks, and those that have not ended well."""

    def __init__(self, conn: psycopg.Connection, stored: str, unfinished: str) -> None:
        self._conn = conn
        self._stored = stored
        self._unfinished = unfinished

    def checkpoint(self) -> None:
        self._conn.execute("CHECKPOINT")

    def vacuum(self) -> None:
        self._conn.execute("VACUUM (ANALYZE)")

    def wal_bytes(self) -> float:
        return number(self._conn, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8")

    def stored(self) -> int:
        return int(number(self._conn, self._stored))

    def is_drained(self, tasks: int, *, failed: bool = False) -> bool:
        del tasks
        assert not failed
        return number(self._conn, self._unfinished) == 0


@contextmanager
def postgres_store(database: str, stored: str, unfinished: str) -> Generator[PostgresStore]:
    """The store in `database` while the context lasts."""
    with psycopg.connect(database, autocommit=True) as conn:
        yield PostgresStore(conn, stored, unfinished)


def number(conn: psycopg.Connection, query: str, *values: object) -> float:
    """The one number that `query` answers; 0 for NULL."""
    row = conn.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0] or 0
