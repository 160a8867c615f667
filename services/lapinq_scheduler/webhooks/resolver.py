"""Resolves host names, with limits on time and number.

A lookup is a system call that can hang for long. It runs in a daemon thread, which is abandoned on timeout and does
not delay the exit of the process.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from lapinq_core.domain.errors import LapinqError

Lookup = Callable[..., list[Any]]
"""`socket.getaddrinfo`, or a replacement."""

MAX_LOOKUPS = 40
"""In progress, including abandoned ones."""


class Unresolved(LapinqError):
    """The host name does not resolve to an address."""


class Resolver:
    """Asks the system's resolver, from one event loop."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        self._lookup = lookup
        self._in_progress = 0

    async def addresses(self, host: str, port: int, timeout: float) -> list[str]:
        """The addresses of `host` in the system's order of preference, without duplicates. Raises `Unresolved`."""
        if self._in_progress >= MAX_LOOKUPS:
            raise Unresolved(f"{host} could not be resolved: the resolver does not answer")
        self._in_progress += 1
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[str] | None] = loop.create_future()

        def done(addresses: list[str] | None) -> None:
            self._in_progress -= 1
            if not found.done():
                found.set_result(addresses)

        def look_up() -> None:
            try:
                entries = self._lookup(host, port, type=socket.SOCK_STREAM)
                addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
            except (OSError, ValueError):  # ValueError: a part of the name is empty or too long
                addresses = None
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(done, addresses)

        threading.Thread(target=look_up, name="lookup", daemon=True).start()
        try:
            async with asyncio.timeout(timeout):
                addresses = await found
        except TimeoutError:
            raise Unresolved(f"{host} could not be resolved within {timeout:g} s") from None
        if not addresses:
            raise Unresolved(f"{host} has no address")
        return addresses
