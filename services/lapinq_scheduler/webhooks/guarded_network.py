"""The network that webhooks may use. Anyone who enqueues a task chooses the URL, and must not reach private addresses
through this machine.

Each connection goes to an address that was resolved and checked here. There is no second lookup that could return
another address. This also holds for connections that are kept alive.
"""

import asyncio
import re
import socket
from collections.abc import Iterable
from typing import cast

import httpcore

from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.webhooks.target import Allowed, is_private
from lapinq_scheduler.webhooks.bounded_stream import BoundedStream
from lapinq_scheduler.webhooks.resolver import Lookup, Resolver

_MAX_ADDRESSES = 4
_CONNECT_SECONDS = 5.0


class TargetRefused(LapinqError):
    """Webhooks may not be sent to this address."""


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that are `allowed`."""

    def __init__(self, allowed: Allowed, lookup: Lookup = socket.getaddrinfo) -> None:
        self._allowed = allowed
        self._resolver = Resolver(lookup)
        # The cast is for the type checker: the class exists only with anyio, which starlette depends on.
        self._network = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that accepts one, within `timeout` seconds in total.

        Raises `Unresolved`, `TargetRefused` when no address is allowed, and httpcore's errors.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + (timeout or _CONNECT_SECONDS)
        addresses = await self.callable_addresses(host, port, until - loop.time())
        failure: Exception = httpcore.ConnectTimeout()
        for number, address in enumerate(addresses):
            # Share the time, so that the first address doesn't use all of it.
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
        """The allowed addresses of `host`, up to `_MAX_ADDRESSES`. Raises as `connect_tcp`."""
        found = await self._resolver.addresses(host, port, timeout)
        admitted = [address for address in found if self._allowed.admits(host, address)]
        if not admitted:
            if all(is_private(address) for address in found):
                # The setting takes an address only as it is written mostly, not as 2130706433.
                entry = host if re.search("[a-z]", host) else found[0]
                raise TargetRefused(
                    f"the address of {host} is private: to allow it, add {entry} to LAPINQ_WEBHOOK_ALLOW"
                )
            raise TargetRefused(f"{host} is not in LAPINQ_WEBHOOK_ALLOW_PUBLIC")
        return admitted[:_MAX_ADDRESSES]

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
