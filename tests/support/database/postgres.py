"""A PostgreSQL server for the tests, and private databases in it.

The newest there is by default: `LAPINQ_TEST_PG_BIN` names the programs of another, `LAPINQ_TEST_IMAGE` an image to run
where a Docker engine answers ("postgres:16"), `LAPINQ_TEST_DATABASE_URL` an existing server whose user may create
databases.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lapinq_core.db.migrate import migrate
from tests.support.database import state_machine

MIN_MEMORY_BYTES = 4 * 1024**3
TEMPLATE_VARIABLE = "LAPINQ_TEST_TEMPLATE"
"""Names a migrated database on the given server, for runs inside a run."""


@contextmanager
def server(pg_bin: Path | None = None) -> Generator[str]:
    """The URL of a server that lives as long as the context."""
    if url := os.environ.get("LAPINQ_TEST_DATABASE_URL"):
        yield url
        return
    if image := os.environ.get("LAPINQ_TEST_IMAGE"):
        from testcontainers.community.postgres import PostgresContainer  # takes a Docker engine

        with PostgresContainer(image, driver=None) as container:
            yield container.get_connection_url()
        return
    named = os.environ.get("LAPINQ_TEST_PG_BIN")
    with _kept(pg_bin or (Path(named) if named else None)) as url:
        _hurry(url)
        yield url


@contextmanager
def _kept(pg_bin: Path | None) -> Generator[str]:
    """The URL of a server that ends with the context, and with this process if that is killed."""
    directory = Path(tempfile.mkdtemp(prefix="lapinq-pg-", dir=_roomy_memory()))
    directory.chmod(0o755)
    command = [
        sys.executable,
        Path(__file__).with_name("keeper.py"),
        directory,
        *([pg_bin] if pg_bin else []),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as keeper:
        assert keeper.stdout is not None
        url = keeper.stdout.readline().strip()
        assert url, "the server did not start"
        try:
            yield url
        finally:
            keeper.communicate("\n", timeout=60)


def _roomy_memory() -> str | None:
    """Where a data folder costs no disk; None where there is too little of it, as in most containers."""
    memory = Path("/dev/shm")
    try:
        is_roomy = shutil.disk_usage(memory).free >= MIN_MEMORY_BYTES and os.access(memory, os.W_OK)
    except OSError:
        return None
    return str(memory) if is_roomy else None


def _hurry(url: str) -> None:
    """Lets commits not wait for the disk: tests of crashes have servers of their own."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("ALTER SYSTEM SET fsync = off")
        conn.execute("ALTER SYSTEM SET full_page_writes = off")
        conn.execute("SELECT pg_reload_conf()")


@contextmanager
def template(server_url: str) -> Generator[str]:
    """The name of a migrated database that private ones are copied from; it refuses illegal moves of tasks."""
    if given := os.environ.get(TEMPLATE_VARIABLE):
        yield given
        return
    name = f"lapinq_template_{uuid.uuid4().hex[:8]}"
    with _database(server_url, name) as url:
        migrate(url)
        state_machine.install(url)
        yield name


@contextmanager
def private_database(server_url: str, template_name: str | None = None) -> Generator[str]:
    """The URL of a new database: a copy of the template, or an empty one."""
    with _database(server_url, f"lapinq_test_{uuid.uuid4().hex[:12]}", template_name) as url:
        yield url


@contextmanager
def _database(server_url: str, name: str, template_name: str | None = None) -> Generator[str]:
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template_name or "template0")
    )
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(server_url, autocommit=True) as conn:
        if conn.info.server_version >= 15_00_00:
            # A copy of files, as every older server makes it, takes a quarter of the time of one through the WAL.
            create += sql.SQL(" STRATEGY file_copy")
        conn.execute(create)
    try:
        yield make_conninfo(server_url, dbname=name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute(drop)
