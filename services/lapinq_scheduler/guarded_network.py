"""The network as webhooks may use it: they are sent on behalf of whoever enqueued a task, who must not reach through
them what only this machine can reach.

Every connection is made to an address that was looked up and judged here, and to no other: there is no second lookup
that could answer differently. That holds for connections that are kept and used again, too.
"""

import asyncio
import socket
from collections.abc import Iterable
from typing import cast

import httpcore

from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.webhooks.target import Allowed
from lapinq_scheduler.bounded_stream import BoundedStream
from lapinq_scheduler.resolving import Lookup, Resolver

_MOST_ADDRESSES = 4
_CONNECT_SECONDS = 5.0


class TargetRefused(LapinqError):
    """The address is none that may be called."""


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to public addresses, and to what is `allowed` besides."""

    def __init__(self, allowed: Allowed, lookup: Lookup = socket.getaddrinfo) -> None:
        self._allowed = allowed
        self._resolver = Resolver(lookup)
        # Of two types to a checker, for it is there with anyio alone; that comes with starlette.
        self._network = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that takes one, within `timeout` seconds for all.

        Raises `Unresolved`, `TargetRefused` when no address may be called, and httpcore's errors.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + (timeout or _CONNECT_SECONDS)
        addresses = await self.callable_addresses(host, port, until - loop.time())
        failure: Exception = httpcore.ConnectTimeout()
        for number, address in enumerate(addresses):
            # The first must not use up the time of those after it.
            share = (until - loop.time()) / (len(addresses) - number)
            if share <= 0:
                break
            try:
                connected = await self._network.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return BoundedStream(connected)
        raise failure

    async def callable_addresses(self, host: str, port: int, timeout: float) -> list[str]:
        """The addresses of `host` that may be called, a few at most. Raises as `connect_tcp`."""
        found = await self._resolver.addresses(host, port, timeout)
        admitted = [address for address in found if self._allowed.admits(host, address)]
        if not admitted:
            raise TargetRefused(f"the address of {host} is private")
        return admitted[:_MOST_ADDRESSES]

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
