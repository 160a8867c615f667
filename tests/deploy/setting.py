"""What the containers of a run share: a database over TCP, secrets as files, and ports of their own."""

import secrets
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.database import postgres
from tests.support.database.proxy import Proxy, proxy

SECRETS_AT = "/run/secrets"


@dataclass(frozen=True, slots=True)
class Setting:
    """`database` leads to the database, and can be cut."""

    database: Proxy
    api_key: str
    volumes: dict[Path, str]
    api_port: int
    worker_port: int
    scheduler_port: int

    def environment(self, **more: str) -> dict[str, str]:
        """What every container is told."""
        return {"DATABASE_URL_FILE": f"{SECRETS_AT}/database_url", **more}


@contextmanager
def new_setting() -> Generator[Setting]:
    """A database with nothing in it and all that leads to it, gone when the context ends."""
    with (
        tempfile.TemporaryDirectory(prefix="lapinq-secrets-") as folder,
        postgres.server() as server,
        postgres.private_database(server) as url,
        proxy(url) as database,
    ):
        key = secrets.token_urlsafe(24)
        values = {
            "database_url": database.url,
            "api_key": key,
            "session_secret": secrets.token_urlsafe(32),
            "admin_password": secrets.token_urlsafe(16),
        }
        for name, value in values.items():
            (Path(folder) / name).write_text(value + "\n")
            (Path(folder) / name).chmod(0o444)
        Path(folder).chmod(0o755)
        yield Setting(database, key, {Path(folder): SECRETS_AT}, *_free_ports(3))


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports
