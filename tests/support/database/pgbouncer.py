"""A PgBouncer before a database, as deploy/compose/pgbouncer.ini sets it up."""

import configparser
import io
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.eventually import eventually

CONFIG = Path(__file__).parents[3] / "deploy" / "compose" / "pgbouncer.ini"
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
PORT = 6432  # of a socket in a directory of its own
POOL_SIZE = 20
"""Connections to the server, as `default_pool_size` in the file says."""


@contextmanager
def pooler(url: str, size: int = POOL_SIZE, **settings: str) -> Generator[str]:
    """The URL of the database at `url`, through a pooler of `size` that lives as long as the context.

    `settings` differ from those of the file.
    """
    assert PROGRAM is not None
    directory = Path(tempfile.mkdtemp(prefix="lapinq-pgbouncer-"))
    try:
        user = _user(url)
        if os.geteuid() == 0:
            os.chown(directory, user, -1)
        (directory / "pgbouncer.ini").write_text(_config(url, directory, size, settings))
        (directory / "pgbouncer.ini").chmod(0o644)
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [PROGRAM, directory / "pgbouncer.ini"],
                user=user if os.geteuid() == 0 else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            pooled = make_conninfo(url, host=str(directory), port=PORT)
            eventually(lambda: _answers(pooled) or _log_of_ended(process, directory / "log"))
            yield pooled
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(10)
    finally:
        shutil.rmtree(directory)


def _config(url: str, directory: Path, size: int, settings: Mapping[str, str]) -> str:
    """Ours, but for where things are and who may come in: everybody who gets to the socket."""
    target = conninfo_to_dict(url)
    place = " ".join(
        f"{key}={target[key]}" for key in ("host", "port", "user", "password") if target.get(key)
    )
    text = CONFIG.read_text()
    ours = "\nlapinq = host=postgres port=5432 "
    assert text.count(ours) == 1
    text = text.replace(ours, f"\n{target['dbname']} = {place} ")
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(text)
    config["pgbouncer"].update(
        listen_addr="",
        listen_port=str(PORT),
        unix_socket_dir=str(directory),
        auth_type="any",
        default_pool_size=str(size),
        **settings,
    )
    del config["pgbouncer"]["auth_file"]
    written = io.StringIO()
    config.write(written)
    return written.getvalue()


def _user(url: str) -> int:
    """Who it runs as, for it refuses to be root: who may pass to the server's socket."""
    host = str(conninfo_to_dict(url).get("host") or "")
    return Path(host).stat().st_uid if host.startswith("/") else pwd.getpwnam("nobody").pw_uid


def _answers(url: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=2) as conn:
        return conn.execute("SELECT 1").fetchone() == (1,)
    return False


def _log_of_ended(process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    return False
