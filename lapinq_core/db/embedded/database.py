"""The interface of the embedded database: one server per data directory, shared by all leases."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lapinq_core.db.embedded.binaries import find_binaries
from lapinq_core.db.embedded.errors import StillInUse, explained
from lapinq_core.db.embedded.folder import default_path, existing_folder, make_folder
from lapinq_core.db.embedded.lease import USERS, Lease, control
from lapinq_core.db.embedded.locks import holders, release, take_exclusive
from lapinq_core.db.embedded.probe import NotAnswering, ask, clients
from lapinq_core.db.embedded.server import Server
from lapinq_core.db.embedded.status import Status, status_of


class EmbeddedDatabase:
    """A database for development, in its own directory. Every method may block, a start for up to a minute.

    They raise `EmbeddedError` if it can't be used, and `NoBinaries` if there is no PostgreSQL to start it with.
    """

    def __init__(self, data_dir: Path | None = None, pg_bin: Path | None = None) -> None:
        """Does nothing yet. `data_dir` defaults to the user's own; without `pg_bin` it searches for the programs."""
        self._data_dir = data_dir
        self.pg_bin = pg_bin

    @property
    def data_dir(self) -> Path:
        return (self._data_dir.expanduser() if self._data_dir else default_path()).absolute()

    @contextmanager
    def use(self) -> Generator[str]:
        """The URL of the running server, for the length of a block."""
        lease = self.acquire()
        try:
            yield lease.url
        finally:
            lease.release()

    def acquire(self) -> Lease:
        """A lease on the server, created and started if necessary. The caller must release it."""
        return Lease(self._server())

    def start(self) -> str:
        """Starts the server and keeps it running until `stop`, with or without leases; returns its URL."""
        lease = Lease(self._server(), keep=True)
        lease.release()
        return lease.url

    def stop(self, *, force: bool = False) -> bool:
        """Stops the server; False if none was running.

        Raises `StillInUse` while anybody holds a lease or is connected, unless forced. After a forced stop the next
        lease, or the next `ensure` of an old one, starts it again.
        """
        with explained(self.data_dir):
            folder = existing_folder(self.data_dir)
            if folder is None:
                return False
            with control(folder):
                users = folder.open(USERS)
                try:
                    if not take_exclusive(users) and not force:
                        raise StillInUse(folder.path, holders(users))
                    if not force and (connected := clients(folder.pgdata)):
                        raise StillInUse(folder.path, clients=connected)
                    folder.keep.unlink(missing_ok=True)
                    return Server(folder, self.pg_bin).down()
                finally:
                    release(users)

    def url(self) -> str | None:
        """The URL of the server if it is running. Starts nothing."""
        with explained(self.data_dir):
            folder = existing_folder(self.data_dir)
            if folder is None or Server(folder, self.pg_bin).is_gone():
                return None
            try:
                return ask(folder.pgdata).url
            except NotAnswering:
                return None

    def status(self) -> Status:
        with explained(self.data_dir):
            folder = existing_folder(self.data_dir)
            return status_of(folder) if folder else Status(state="stopped", data_dir=self.data_dir)

    def _server(self) -> Server:
        with explained(self.data_dir):
            if existing_folder(self.data_dir) is None:
                find_binaries(self.pg_bin)  # without programs, not even create the directory
            return Server(make_folder(self.data_dir), self.pg_bin)
