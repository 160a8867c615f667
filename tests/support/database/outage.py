"""A PostgreSQL server for one test that can be stopped and started, and a database that turns read-only."""

import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql

from lapinq_core.db.embedded import EmbeddedDatabase, Lease
from lapinq_core.db.migrate import migrate
from tests.support.database import state_machine
from tests.support.eventually import eventually
from tests.support.programs.processes import children_of


class FragileServer:
    """`url` names a migrated database in it."""

    def __init__(self, database: EmbeddedDatabase, lease: Lease) -> None:
        self._database = database
        self._lease = lease
        self.url = lease.url

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        return (self._database.data_dir / "postgresql.log").read_text(errors="replace")

    def stop(self) -> None:
        """An orderly stop; connections are cut."""
        self._database.stop(force=True)

    def crash(self) -> None:
        """Kills all of its processes at the same time. What they have not handed to the system by then is lost."""
        pid = int((self._database.data_dir / "pgdata" / "postmaster.pid").read_text().split()[0])
        # Stopped first, it starts no more processes. If it died first, the others would go on until they notice.
        os.kill(pid, signal.SIGSTOP)
        for process in [*children_of(pid), pid]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        eventually(lambda: self._database.url() is None)

    def start(self) -> None:
        """Back again, after crash recovery where it crashed."""
        self._lease.ensure()


@contextmanager
def fragile_server() -> Generator[FragileServer]:
    """A server for one test, in which illegal moves of tasks are refused."""
    directory = Path(tempfile.mkdtemp(prefix="lapinq-fragile-"))
    directory.chmod(0o755)
    named = os.environ.get("LAPINQ_TEST_PG_BIN")
    database = EmbeddedDatabase(directory / "data", Path(named) if named else None)
    try:
        lease = database.acquire()
        try:
            migrate(lease.url)
            state_machine.install(lease.url)
            yield FragileServer(database, lease)
        finally:
            lease.release()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def read_only(url: str) -> Generator[None]:
    """Makes the database read-only for the context, and cuts the connections of our programs at its start.

    Connections opened during the context stay read-only afterwards, as one to a standby would.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        database = sql.Identifier(conn.info.dbname)
        conn.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(database))
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'lapinq%'"
            " AND pid <> pg_backend_pid()"
        )
        try:
            yield
        finally:
            conn.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(database))
