"""The name of a worker that has none in the settings: that of the host, with a number from the second one on.

A worker that restarts gets the name it had. A name is held by a socket in Linux's abstract namespace, which the kernel
closes with the process, however that ends. Elsewhere the name contains the process id.
"""

import os
import socket
import weakref
from errno import EADDRINUSE

MAX_NUMBER = 1000


class HostName:
    """`name` is that of no other worker on this host, until it is released or collected."""

    def __init__(self, host: str) -> None:
        self.name, holder = _held(host)
        self._close = weakref.finalize(self, os.close, holder.detach()) if holder else None

    def release(self) -> None:
        """Others may have the name. May be called again."""
        if self._close is not None:
            self._close()


def _held(host: str) -> tuple[str, socket.socket | None]:
    for number in range(1, MAX_NUMBER + 1):
        name = host if number == 1 else f"{host}-{number}"
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(f"\0lapinq worker {name}")
        except OSError as error:
            holder.close()
            if error.errno != EADDRINUSE:
                break
        else:
            return name, holder
    return f"{host}-{os.getpid()}", None
