"""A hold on the server: as long as any lease of any process lives, nobody stops it but by force.

Two locks make that safe, both flocks and thus gone with the process that held them:

- `control.lock` is held alone around every start and stop, so at most one process changes anything at a time.
- `users.lock` is shared by every lease for as long as it lives. Whoever leaves takes `control.lock`, gives up
  its share and tries the lock alone: that succeeds for the last one out, who then stops the server.

A process that is killed can't stop anything, so its server runs on. The next one finds and adopts it, and is
again the last one out one day. While the file `keep` is there (`lapinq db start`), the last one out leaves
the server running.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager

from lapinq_core.db.embedded.errors import EmbeddedError, explained
from lapinq_core.db.embedded.folder import Folder
from lapinq_core.db.embedded.locks import exclusive, release, take_exclusive, take_shared
from lapinq_core.db.embedded.postmaster import listener
from lapinq_core.db.embedded.server import LONGEST_CHANGE_SECONDS, Server

USERS = "users.lock"


class Lease:
    """What `EmbeddedDatabase.acquire` gives; release it when the database isn't needed any more."""

    def __init__(self, server: Server, *, keep: bool = False) -> None:
        """Takes a share of the server, and starts it where needed. `keep` leaves it running afterwards."""
        folder = server.folder
        self._server = server
        self._pid = os.getpid()
        with explained(folder.path), control(folder):
            users = folder.open(USERS)
            try:
                if not take_shared(users):  # nobody takes it alone without control.lock
                    raise EmbeddedError(f"a process that isn't lapinq locked {folder.path / USERS}")
                self._answer = server.up()
                if keep:
                    os.close(folder.open(folder.keep.name))
            except BaseException as error:
                release(users)
                if not isinstance(error, Exception):
                    stop_unused(server)  # interrupted from outside: leave as the last one out would
                raise
        self._users: int | None = users

    @property
    def url(self) -> str:
        """Where the database is, as libpq and psycopg take it."""
        return self._answer.url

    def ensure(self) -> str:
        """The URL, after starting the server again where it has gone down.

        Cheap while the server is up; else it blocks for as long as a start takes.
        """
        if self._users is None:
            raise EmbeddedError("the lease of the database was released")
        folder = self._server.folder
        peer = listener(self._answer.socket_dir, self._answer.port)
        if peer is None or peer.uid != folder.owner.uid:
            with explained(folder.path), control(folder):
                self._answer = self._server.up()
        return self._answer.url

    def release(self) -> None:
        """Gives the share up; the last one out stops the server, and returns when it has ended. Idempotent.

        In a forked child it does nothing, for the share is the parent's.
        """
        users, self._users = self._users, None
        if users is None:
            return
        if os.getpid() != self._pid:
            os.close(users)
            return
        folder = self._server.folder
        with explained(folder.path):
            try:
                with control(folder):
                    release(users)
                    users = None
                    stop_unused(self._server)
            finally:
                if users is not None:
                    release(users)


@contextmanager
def control(folder: Folder) -> Generator[None]:
    """Holds the right to start and stop the server."""
    with exclusive(folder.open("control.lock"), wait=LONGEST_CHANGE_SECONDS):
        yield


def stop_unused(server: Server) -> None:
    """Stops the server unless it has users, shall be kept, or is another container's. Only under `control`."""
    users = server.folder.open(USERS)
    try:
        if take_exclusive(users) and not server.folder.keep.exists() and not server.is_out_of_reach():
            server.down()
    finally:
        release(users)
