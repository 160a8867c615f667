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
    place = f"host={at['host']} port={at['port']} dbname={at['dbname']} user={at['user']}"
    own = f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\ndefault_pool_size = {POOL_SIZE}\n"
    for path in sorted((COMPONENTS / "pooler").glob("*.ini")):
        text = own if path.name == "more.ini" else path.read_text()
        text = text.replace("host=postgres port=5432 dbname=lapinq", place)
        text = text.replace("/etc/pgbouncer-users/", f"{directory}/").replace(
            "/etc/pgbouncer/", f"{directory}/"
        )
        (directory / path.name).write_text(text)
    (directory / "userlist.txt").write_text("")
    # It refuses to run as root; the owner of the database's socket may pass to it.
    owner = Path(str(at["host"])).stat()
    process = subprocess.Popen(
        [PROGRAM, "-q", str(directory / "pgbouncer.ini")],
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
