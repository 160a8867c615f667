"""The PostgreSQL server of a run, private databases in it, and a standby of it."""

import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.db.embedded import EmbeddedDatabase
from lapinq_core.db.embedded.folder import make_folder
from tests.bench.run.processes import BenchError
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
_FACTS = "server_version wal_level wal_sync_method data_checksums autovacuum jit max_connections"
"""What else is told of it."""

COPY_SECONDS = 120.0
_OF_A_STANDBY = """
hot_standby_feedback = on
wal_receiver_status_interval = 1s
max_standby_streaming_delay = -1
"""
_PG_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
}


@contextmanager
def own_server(pg_bin: Path | None, more: Mapping[str, str] | None = None) -> Generator[str]:
    """The URL of a new server with `SETTINGS` and `more`, gone when the context ends."""
    with _directory() as directory:
        database = EmbeddedDatabase(directory / "data", pg_bin)
        with database.use() as url, psycopg.connect(url, autocommit=True) as conn:
            for setting, value in {**SETTINGS, **(more or {})}.items():
                conn.execute(
                    sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(setting), sql.Literal(value))
                )
        # Nobody used it any more, so it was stopped; it starts anew with the settings.
        with database.use() as url:
            yield url


@contextmanager
def standby(server_url: str) -> Generator[str]:
    """The URL of a new hot standby that tells the server which rows its transactions still need, gone when the context
    ends. The server must run on this machine."""
    programs = _programs_of(server_url)
    with _directory() as directory:
        folder = make_folder(directory / "data")
        source = ("--dbname", server_url, "--checkpoint", "fast", "--write-recovery-conf")
        copy = folder.owner.run(
            [str(programs / "pg_basebackup"), "--pgdata", str(folder.pgdata), *source],
            cwd=folder.path,
            timeout=COPY_SECONDS,
        )
        if copy.returncode:
            raise BenchError(f"the server could not be copied for a standby: {copy.stdout.strip()}")
        with (folder.pgdata / "postgresql.auto.conf").open("a") as settings:
            settings.write(_OF_A_STANDBY)
        with EmbeddedDatabase(folder.path, programs).use() as url:
            yield url


def has_jit(url: str) -> bool:
    """Whether the server compiles statements by default."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute("SELECT pg_jit_available()").fetchone()
    return bool(row and row[0])


def settings_of(url: str) -> dict[str, str]:
    """What the server says of the settings that matter here."""
    with psycopg.connect(url, autocommit=True) as conn:
        return {name: _show(conn, name) for name in (*SETTINGS, *_FACTS.split())}


def commit_milliseconds(url: str, commits: int = 200) -> float:
    """How long one small durable commit takes over one connection: the floor under latencies and single enqueues."""
    with postgres.private_database(url) as database, psycopg.connect(database, autocommit=True) as conn:
        conn.execute("CREATE TABLE commits (number integer)")
        started = time.perf_counter()
        for number in range(commits):
            conn.execute("INSERT INTO commits VALUES (%s)", (number,))
        return (time.perf_counter() - started) / commits * 1000


def libpq_variables(database: str) -> dict[str, str]:
    """`database` as environment variables, for programs that take no conninfo."""
    given = conninfo_to_dict(database)
    return {variable: str(given[name]) for name, variable in _PG_VARIABLES.items() if given.get(name)}


@contextmanager
def _directory() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="lapinq-bench-pg-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)  # for root the server runs as another user
        yield Path(name)


def _programs_of(server_url: str) -> Path:
    with psycopg.connect(server_url, autocommit=True) as conn:
        data = Path(_show(conn, "data_directory"))
    try:
        pid = (data / "postmaster.pid").read_text().splitlines()[0]
        return Path(f"/proc/{pid}/exe").resolve(strict=True).parent
    except OSError as error:
        raise BenchError(f"a standby needs a server on this machine: {error}") from error


def _show(conn: psycopg.Connection, name: str) -> str:
    row = conn.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
    assert row is not None
    return row[0]
