"""The PostgreSQL server of a run, and private databases in it."""

import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.db.embedded import EmbeddedDatabase
from tests.support.database import postgres

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
}
"""Of a server of our own. Everything is durable; a run has no checkpoint but the one that we order before it."""

_NAMED = (
    *SETTINGS,
    "server_version",
    "wal_level",
    "wal_sync_method",
    "data_checksums",
    "autovacuum",
    "jit",
    "max_connections",
)


@contextmanager
def own_server(pg_bin: Path | None, more: Mapping[str, str] | None = None) -> Generator[str]:
    """The URL of a new server with `SETTINGS` and `more`, gone when the context ends."""
    with tempfile.TemporaryDirectory(prefix="lapinq-bench-pg-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)  # for root the server runs as another user
        database = EmbeddedDatabase(directory / "data", pg_bin)
        with database.use() as url, psycopg.connect(url, autocommit=True) as conn:
            for setting, value in {**SETTINGS, **(more or {})}.items():
                conn.execute(
                    sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(setting), sql.Literal(value))
                )
        # Nobody used it any more, so it was stopped; it starts anew with the settings.
        with database.use() as url:
            yield url


def settings_of(url: str) -> dict[str, str]:
    """What the server says of the settings that matter here."""
    with psycopg.connect(url, autocommit=True) as conn:
        return {name: _show(conn, name) for name in _NAMED}


def commit_milliseconds(url: str, commits: int = 200) -> float:
    """How long one small durable commit takes over one connection: the floor under latencies and single enqueues."""
    with postgres.private_database(url) as database, psycopg.connect(database, autocommit=True) as conn:
        conn.execute("CREATE TABLE commits (number integer)")
        started = time.perf_counter()
        for number in range(commits):
            conn.execute("INSERT INTO commits VALUES (%s)", (number,))
        seconds = time.perf_counter() - started
    return seconds / commits * 1000


def libpq_variables(database: str) -> dict[str, str]:
    """`database` as environment variables, for programs that take no conninfo."""
    given = conninfo_to_dict(database)
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
    }
    return {variable: str(given[name]) for name, variable in names.items() if given.get(name)}


def _show(conn: psycopg.Connection, name: str) -> str:
    row = conn.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
    assert row is not None
    return row[0]
