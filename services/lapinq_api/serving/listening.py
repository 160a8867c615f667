"""Opens the sockets of a server's address, for one process or for several that share it."""

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from lapinq_core.domain.errors import LapinqError

BACKLOG = 2048
MAX_UNSENT_BYTES = 128 * 1024
"""Of a connection, in the kernel. Accepted connections inherit it."""
_TCP_NOTSENT_LOWAT = 25  # in `socket` since Python 3.12


class CannotListen(LapinqError):
    """The server cannot listen on this address."""


@contextmanager
def listening(host: str, port: int) -> Generator[list[socket.socket]]:
    """Sockets on every address of `host`, bound so that no other process gets the port, not yet accepting.

    Port 0 takes a free one, the same for all addresses. Raises `CannotListen`.
    """
    with contextlib.ExitStack() as opened:
        yield _opened(opened, host, port)


@contextmanager
def listening_together(host: str, port: int, processes: int) -> Generator[Sequence[list[socket.socket]]]:
    """As `listening`, for each of several processes: the kernel spreads connections evenly over their sockets.

    They belong to the caller. So what waits in the socket of a process that dies waits for the next one, which gets
    the same socket. Where the kernel does not spread (not Linux), all processes accept from the same sockets.
    """
    # Sockets that share would be let in beside those of another server.
    with listening(host, port) as sockets:
        if sys.platform != "linux":
            yield [sockets] * processes
            return
        port = sockets[0].getsockname()[1]
    with contextlib.ExitStack() as opened:
        yield [_opened(opened, host, port, shared=True) for _ in range(processes)]


def _opened(
    opened: contextlib.ExitStack, host: str, port: int, *, shared: bool = False
) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    for family, address in _addresses(host, port):
        one = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if sys.platform == "linux":
            # Else the kernel takes megabytes for each client that doesn't read, beside what we count and limit.
            one.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            one.bind((address, port))
            # With bind() alone, a second server could bind, too.
            one.listen(BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL and sockets:
                continue  # localhost resolves to an IPv6 address that doesn't exist
            raise CannotListen(_why(address, port, error)) from error
        port = port or one.getsockname()[1]
        sockets.append(one)
    return sockets


def _addresses(host: str, port: int) -> list[tuple[int, str]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CannotListen(f"the host {host!r} has no address: {error.strerror or error}") from error
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _why(address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {address} is in use; choose another with --port, or --port 0 for a free one"
    return f"cannot listen on port {port} of {address}: {os.strerror(error.errno or 0)}"
