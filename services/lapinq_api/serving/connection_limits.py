"""What the connections of a server process share: their number, and the memory for what clients have not read yet."""

import asyncio
import resource

from uvicorn.protocols.http.flow_control import FlowControl

from lapinq_api.overload.fair_share import CALLER, SERVER, Caller, FairShare
from lapinq_api.wire.sources import read_address, source_of
from lapinq_core.domain.hosts.networks import read_networks
from lapinq_core.runtime.settings import Settings

MAX_CONNECTIONS = 5000
OTHER_FILES = 256
"""Open files that the process needs for anything but connections."""
UNCOUNTED_BYTES = 16 * 1024
"""Unread bytes of a connection that don't count: what most responses are smaller than."""


class ConnectionLimits:
    """Used by one event loop."""

    def __init__(self, settings: Settings) -> None:
        share = settings.caller_share
        self.places = FairShare(max_connections(), "connections are open", share)
        self.unread = FairShare(
            settings.max_unread_size, "responses are unread", share, "LAPINQ_MAX_UNREAD_SIZE"
        )
        self._trusted = read_networks(settings.trusted_proxies)

    def caller_of(self, client: tuple[str, int] | None) -> Caller:
        """Who opened a connection: an address, unless that is a trusted proxy's, whose connections are everybody's."""
        if client is None:
            return SERVER  # a Unix socket, which only a proxy on this machine opens
        address = read_address(client[0]) if self._trusted else None
        if address is not None and any(address in network for network in self._trusted):
            return SERVER
        return source_of(client[0])


class Flow(FlowControl):
    """The flow of one connection. Responses above `UNCOUNTED_BYTES` count until the client has read them."""

    def __init__(self, transport: asyncio.Transport, unread: FairShare) -> None:
        super().__init__(transport)
        self._limit = unread
        self._unread: list[tuple[Caller, int]] = []

    def begin(self, size: int, *, may_refuse: bool) -> tuple[Caller, int]:
        """Counts a body that is about to be sent, until it was given to `end`. Raises `Busy`, if it `may_refuse`."""
        counted = CALLER.get(), size
        if may_refuse:
            self._limit.take(*counted)
        else:
            self._limit.add(*counted)
        return counted

    def end(self, counted: tuple[Caller, int]) -> None:
        """The body was sent; or is in the connection's buffer, and counts until that is almost empty."""
        self._unread.append(counted)
        if not self.write_paused:
            self._forget_unread()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forget_unread()

    def _forget_unread(self) -> None:
        for counted in self._unread:
            self._limit.leave(*counted)
        self._unread.clear()


def max_connections() -> int:
    """`MAX_CONNECTIONS`, or fewer if the limit of open files is lower."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return min(MAX_CONNECTIONS, max(soft - OTHER_FILES, soft // 2))
