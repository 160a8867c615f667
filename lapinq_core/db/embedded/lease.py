"""A lease on the server: while any lease of any process lives, only a forced stop ends the server.

Two locks make that safe. Both are flocks, so they end with the process that holds them:

- `control.lock` is held exclusively around every start and stop, so at most one process changes anything at a time.
- `users.lock` is shared by every lease for as long as it lives. To leave, a process takes `control.lock`, releases
  its share and tries to take the lock exclusively: that succeeds for the last one, which then stops the server.

A process that is killed can't stop anything, so its server keeps running. The next process finds and adopts it, and
will be the last one some day. While the file `keep` exists (`lapinq db start`), the last process leaves the server
running.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager

from lapinq_core.db.embedded.errors import EmbeddedError, explained
from lapinq_core.db.embedded.folder import Folder
from lapinq_core.db.embedded.locks import exclusive, release, take_exclusive, take_shared
from lapinq_core.db.embedded.postmaster import listener
from lapinq_core.db.embedded.server import MAX_CHANGE_SECONDS, Server

USERS = "users.lock"


class Lease:
    """The result of `EmbeddedDatabase.acquire`; release it when you no longer need the database."""

    def __init__(self, server: Server, *, keep: bool = False) -> None:
        """Takes a share of the server, and starts it if necessary. With `keep` it stays running afterwards."""
        folder = server.folder
        self._server = server
        self._pid = os.getpid()
        with explained(folder.path), control(folder):
            users = folder.open(USERS)
            try:
                if not take_shared(users):  # nobody takes it exclusively without control.lock
                    raise EmbeddedError(f"a process that isn't lapinq locked {folder.path / USERS}")
                self._answer = server.up()
                if keep:
                    os.close(folder.open(folder.keep.name))
            except BaseException as error:
                release(users)
                if not isinstance(error, Exception):
                    stop_unused(server)  # interrupted from outside: leave as the last process would
                raise
        self._users: int | None = users

    @property
    def url(self) -> str:
        """The URL for libpq and psycopg."""
        return self._answer.url

    def ensure(self) -> str:
        """The URL, after restarting the server if it is down.

        Cheap while the server is up; otherwise it blocks for as long as a start takes.
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
        """Releases the share; the last one stops the server, and returns when it has ended. Idempotent.

        In a forked child it does nothing: the share is the parent's.
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
    with exclusive(folder.open("control.lock"), wait=MAX_CHANGE_SECONDS):
        yield


def stop_unused(server: Server) -> None:
    """Stops the server unless it has users, is to be kept, or runs in another container. Call it under `control`."""
    users = server.folder.open(USERS)
    try:
        if take_exclusive(users) and not server.folder.keep.exists() and not server.is_out_of_reach():
            server.down()
    finally:
        release(users)
