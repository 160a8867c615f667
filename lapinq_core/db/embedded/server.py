"""Starts and stops the server of a data directory. Callers hold `control.lock`.

`server.lock` tells whether there is a server: the process that starts one locks that file and lets the server (and
initdb) inherit it open, so it stays locked exactly as long as any process of the server lives. That survives the death
of the process that started it, covers children that outlive a killed server, and is visible from other containers.
While the file is locked, callers wait. If it is free, an existing `postmaster.pid` is stale, unless a server that
somebody started by hand proves otherwise.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from lapinq_core.db.embedded.binaries import find_binaries
from lapinq_core.db.embedded.cluster import check_major, make_cluster
from lapinq_core.db.embedded.errors import EmbeddedError
from lapinq_core.db.embedded.folder import Folder
from lapinq_core.db.embedded.locks import take_shared, wait_exclusive
from lapinq_core.db.embedded.postmaster import end_orphans, listener, proven, recorded, send, spawn
from lapinq_core.db.embedded.private_copy import runnable
from lapinq_core.db.embedded.probe import Answer, NotAnswering, ask
from lapinq_core.db.embedded.server_log import open_log, quote_log
from lapinq_core.db.embedded.socket_directory import make_socket_dir, remove_short_socket_dir

START_SECONDS = 60.0
"""Time limit of a start, including initdb or crash recovery."""
STOP_SECONDS = 30.0
"""Time limit of a fast stop; an immediate one follows."""
IMMEDIATE_STOP_SECONDS = 10.0
MAX_CHANGE_SECONDS = START_SECONDS + STOP_SECONDS + IMMEDIATE_STOP_SECONDS
_REMAINS_GRACE_SECONDS = 1.0
_POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Server:
    """The server of one data directory, running or not."""

    folder: Folder
    pg_bin: Path | None

    def up(self) -> Answer:
        """Returns when the server is ready, after starting it if it isn't running."""
        give_up = time.monotonic() + START_SECONDS
        remains = _Remains(self.folder)
        log_start: int | None = None
        while True:
            if self.is_gone():
                if log_start is not None:
                    raise EmbeddedError(f"PostgreSQL didn't start. {quote_log(self.folder, log_start)}")
                log_start = self._start(give_up)
            try:
                return ask(self.folder.pgdata, create=True)
            except NotAnswering as reason:
                if time.monotonic() > give_up:
                    raise EmbeddedError(
                        f"PostgreSQL isn't ready after {START_SECONDS:.0f} s ({reason}); it keeps running,"
                        f" and may be ready later. {quote_log(self.folder, log_start or 0)}"
                    ) from reason
            remains.end_in_time()
            time.sleep(_POLL_SECONDS)

    def down(self) -> bool:
        """Stops the server, and returns when it has ended; False if none was running."""
        if self.is_gone():
            return False
        if self.is_out_of_reach():
            raise EmbeddedError("the server runs in another container and can't be stopped from here")
        for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, IMMEDIATE_STOP_SECONDS)):
            if self._ends(number, seconds):
                remove_short_socket_dir(self.folder)
                return True
        raise EmbeddedError(f"PostgreSQL can't be stopped from here. {quote_log(self.folder)}")

    def is_gone(self) -> bool:
        """Whether no process of a server is left."""
        lock = self.folder.open("server.lock")
        try:
            free = take_shared(lock)
        finally:
            os.close(lock)
        return free and proven(self.folder) is None

    def is_out_of_reach(self) -> bool:
        """Whether a server answers, but from another container, where it can't be signalled."""
        named = recorded(self.folder.pgdata)
        peer = listener(Path(named.socket_dir), named.port) if named and named.socket_dir else None
        return peer is not None and peer.pid == 0

    def _start(self, give_up: float) -> int:
        """Starts the server, and returns the size of the log before the start."""
        found = find_binaries(self.pg_bin)
        folder = self.folder
        lock = folder.open("server.lock")
        try:
            wait_exclusive(lock, wait=1)  # `is_gone` in another process may hold it for a moment
            binaries, version = runnable(folder, found)
            if not folder.pgdata.exists():
                make_cluster(folder, binaries, version, inherit=lock, timeout=give_up - time.monotonic())
            check_major(folder, version, binaries)
            (folder.pgdata / "postmaster.pid").unlink(missing_ok=True)
            socket_dir = make_socket_dir(folder)
            log, log_start = open_log(folder)
            try:
                spawn(folder, binaries, socket_dir, log=log, inherit=lock)
            finally:
                os.close(log)
        finally:
            os.close(lock)  # without unlocking: from here on the server holds it
        return log_start

    def _ends(self, number: signal.Signals, seconds: float) -> bool:
        give_up = time.monotonic() + seconds
        remains = _Remains(self.folder)
        sent = False
        while not self.is_gone():
            sent = sent or send(number, self.folder)  # a server that is only starting can't be signalled yet
            if time.monotonic() > give_up:
                return False
            remains.end_in_time()
            time.sleep(_POLL_SECONDS)
        return True


class _Remains:
    """Ends the remains of a server that block a new one, after giving them a moment to exit.

    These are children of a killed server that are still at work, or a server whose socket somebody removed.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._due = time.monotonic() + _REMAINS_GRACE_SECONDS

    def end_in_time(self) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _REMAINS_GRACE_SECONDS
        if recorded(self._folder.pgdata) is None:  # it is only starting, or initdb is running
            return
        server = proven(self._folder)
        if server is None:
            end_orphans(self._folder)
        elif server.status == "ready" and listener(Path(server.socket_dir), server.port) is None:
            send(signal.SIGINT, self._folder)
