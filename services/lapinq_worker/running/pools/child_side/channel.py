"""The child's end of the socket to its worker. Any thread may send, but no fork of the child."""

import socket
import threading

from lapinq_core.domain.errors import NoTask
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.running.pools.child_side.frames import Ready, ToWorker, frame

_RECEIVE_BYTES = 256 * 1024


class Channel:
    """A frame goes out whole. So a signal handler must not raise in `send`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._is_ours = True

    def receive(self) -> bytes:
        """Waits for data and returns it; empty when the worker closed the socket."""
        return self._connection.recv(_RECEIVE_BYTES)

    @any_thread
    def send(self, message: Ready | ToWorker) -> None:
        """Sends it, and waits until the worker has read enough: nothing is buffered here."""
        data = frame(message)
        with self._lock:
            if self._is_ours:
                self._connection.sendall(data)

    def check_ours(self) -> None:
        """Raises `NoTask` in a fork of the process."""
        if not self._is_ours:
            raise NoTask("this process is a fork of the one that runs the task, which alone can have steps")

    def forked(self) -> None:
        """Call this in a fork of the process, which sends nothing from then on."""
        self._is_ours = False
        self._lock = threading.Lock()


SENDING = Channel.send.__code__
