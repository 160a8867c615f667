"""A server for tests: in a new folder, in memory if there is room, and without waiting for the disk."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from lapinq_core.db.embedded.binaries import find_binaries
from lapinq_core.db.embedded.errors import EmbeddedError

MIN_MEMORY_BYTES = 4 * 1024**3
STOP_SECONDS = 60.0


@contextmanager
def temporary_server(pg_bin: Path | None = None) -> Generator[str]:
    """The URL of a superuser of a server that ends with the context, and with this process if that is killed.

    Raises `NoBinaries` if there is no PostgreSQL to start it with, and `EmbeddedError` if it does not start.
    """
    find_binaries(pg_bin)
    directory = Path(tempfile.mkdtemp(prefix="lapinq-pg-", dir=_roomy_memory()))
    directory.chmod(0o755)  # for root the server runs as another user
    keeper = [sys.executable, "-P", "-m", "lapinq_core.db.embedded.keeper", str(directory)]
    with subprocess.Popen(  # noqa: S603  # our own module
        [*keeper, *([str(pg_bin)] if pg_bin else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise EmbeddedError("the server for tests did not start; its keeper has printed why")
        try:
            _hurry(url)
            yield url
        finally:
            process.communicate("\n", timeout=STOP_SECONDS)


def _roomy_memory() -> str | None:
    """Where a data folder costs no disk; None where there is too little of it, as in most containers."""
    memory = Path("/dev/shm")  # noqa: S108  # the folder in it has a new name
    try:
        is_roomy = shutil.disk_usage(memory).free >= MIN_MEMORY_BYTES and os.access(memory, os.W_OK)
    except OSError:
        return None
    return str(memory) if is_roomy else None


def _hurry(url: str) -> None:
    """Lets commits not wait for the disk: nobody needs the data after a crash."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("ALTER SYSTEM SET fsync = off")
        conn.execute("ALTER SYSTEM SET full_page_writes = off")
        conn.execute("SELECT pg_reload_conf()")
