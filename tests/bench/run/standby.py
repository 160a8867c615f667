"""A hot standby of the server of a run, on the same machine, that tells it which rows its transactions still need."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from lapinq_core.db.embedded import EmbeddedDatabase
from lapinq_core.db.embedded.folder import make_folder
from tests.bench.run.processes import BenchError

COPY_SECONDS = 120.0
_SETTINGS = """
hot_standby_feedback = on
wal_receiver_status_interval = 1s
max_standby_streaming_delay = -1
"""


@contextmanager
def standby(server_url: str) -> Generator[str]:
    """The URL of a new standby, gone when the context ends. The server must run on this machine."""
    programs = _programs_of(server_url)
    with tempfile.TemporaryDirectory(prefix="lapinq-bench-standby-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)  # for root the server runs as another user
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
            settings.write(_SETTINGS)
        with EmbeddedDatabase(folder.path, programs).use() as url:
            yield url


def _programs_of(server_url: str) -> Path:
    with psycopg.connect(server_url, autocommit=True) as conn:
        row = conn.execute("SHOW data_directory").fetchone()
    assert row is not None
    try:
        pid = (Path(row[0]) / "postmaster.pid").read_text().splitlines()[0]
        return Path(f"/proc/{pid}/exe").resolve(strict=True).parent
    except OSError as error:
        raise BenchError(f"a standby needs a server on this machine: {error}") from error
