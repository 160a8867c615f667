"""The child's end of the socket to its worker. Any thread may send; forks of the child may not."""

import socket
import threading

from lapinq_worker.running.pools.child.frames import Line, Ready, Report, frame

_RECEIVE_BYTES = 256 * 1024


class Channel:
    """A frame goes out whole: what raises in the middle of one, as a signal's handler may, must not do so in `send`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._is_ours = True

    def receive(self) -> bytes:
        """What has come, waiting for it; nothing when the worker hung up."""
        return self._connection.recv(_RECEIVE_BYTES)

    def send(self, message: Ready | Report | Line) -> None:
        """Sends it, waiting until the worker takes it in: nothing piles up here."""
        data = frame(message)
        with self._lock:
            if self._is_ours:
                self._connection.sendall(data)

    def forked(self) -> None:
        """To be called in a copy of the process, which keeps silent from then on: the original speaks."""
        self._is_ours = False
        self._lock = threading.Lock()


SENDING = Channel.send.__code__
