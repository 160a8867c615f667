"""A PgBouncer as deploy/k8s configures it, in front of a database of a test."""

import os
import shutil
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.support.eventually import eventually
from tests.support.manifests import COMPONENTS

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
POOL_SIZE = 3


@contextmanager
def pooler(database: str, directory: Path) -> Generator[str]:
    """The URL that leads to `database` through three connections that all share. `directory` is closed to nobody."""
    assert PROGRAM is not None
    at = conninfo_to_dict(database)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    configuration, databases, users = (
        directory / name for name in ("pgbouncer.ini", "databases.ini", "userlist.txt")
    )
    given = (COMPONENTS / "pooler" / "databases.ini").read_text()
    place = f"host={at['host']} port={at['port']} dbname={at['dbname']} user={at['user']}"
    # What follows wins over what the configuration said before it includes this.
    databases.write_text(
        f"{given.replace('host=postgres port=5432 dbname=lapinq', place)}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nauth_type = any\ndefault_pool_size = {POOL_SIZE}\n"
    )
    users.write_text("")
    text = (COMPONENTS / "pooler" / "pgbouncer.ini").read_text()
    for path in (databases, users):
        text = text.replace(f"/etc/pgbouncer{'-users' if path is users else ''}/{path.name}", str(path))
    configuration.write_text(text)
    # It refuses to run as root; the owner of the database's socket may pass to it.
    owner = Path(str(at["host"])).stat()
    process = subprocess.Popen(
        [PROGRAM, "-q", str(configuration)],
        user=owner.st_uid if os.geteuid() == 0 else None,
        group=owner.st_gid if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
    )
    url = f"postgresql://{at['user']}@127.0.0.1:{port}/lapinq"
    try:
        eventually(lambda: _answers(url))
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True
