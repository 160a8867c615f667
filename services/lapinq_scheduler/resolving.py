"""Looking up the addresses of a host, bounded in time and in number.

A lookup is a call of the system that can hang for longer than anybody waits. It runs in a thread of its own, which is
left behind then, and does not hold up the end of the process.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from lapinq_core.domain.errors import LapinqError

Lookup = Callable[..., list[Any]]
"""`socket.getaddrinfo`, or something that answers like it."""

MOST_LOOKUPS = 40
"""Under way at once, with those that nobody waits for any more."""


class Unresolved(LapinqError):
    """The name of a host leads to no address."""


class Resolver:
    """Asks the system's resolver, on one event loop."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        self._lookup = lookup
        self._under_way = 0

    async def addresses(self, host: str, port: int, timeout: float) -> list[str]:
        """The addresses of `host` in the system's order of preference, each once. Raises `Unresolved`."""
        if self._under_way >= MOST_LOOKUPS:
            raise Unresolved(f"{host} could not be looked up: the resolver does not answer")
        self._under_way += 1
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[str] | None] = loop.create_future()

        def done(addresses: list[str] | None) -> None:
            self._under_way -= 1
            if not found.done():
                found.set_result(addresses)

        def look() -> None:
            try:
                entries = self._lookup(host, port, type=socket.SOCK_STREAM)
                addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
            except (OSError, ValueError):  # the latter of a name with an empty or a too long part
                addresses = None
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
                loop.call_soon_threadsafe(done, addresses)

        threading.Thread(target=look, name="lookup", daemon=True).start()
        try:
            async with asyncio.timeout(timeout):
                addresses = await found
        except TimeoutError:
            raise Unresolved(f"{host} could not be looked up within {timeout:g} s") from None
        if not addresses:
            raise Unresolved(f"{host} has no address")
        return addresses
