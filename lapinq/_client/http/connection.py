"""Sending requests over pooled HTTP connections: a pool for threads, and one for each event loop.

Each kind of connection offers `send` for plain code and `asend` for coroutines, so that a task can be enqueued from
either, whichever queue it belongs to. httpx is imported and a connection opened by the first request. A closed
connection opens again with the next request.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from lapinq._client.http.slots import Slots
from lapinq.errors import ServerUnavailable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator

    import httpx

    from lapinq._client.http.requests import Request

# Below the 5 s after which uvicorn drops an idle connection: a request must not be in flight when that happens.
KEEPALIVE_SECONDS = 3.0
MAX_CONNECTIONS = 100
MAX_LONG_POLLS = 50
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Connection(Protocol):
    """Sends a request. Raises `ServerUnavailable` if there is no response.

    A long poll takes a slot of `long_polls`, or of `async_long_polls` in a coroutine.
    """

    long_polls: Slots
    async_long_polls: Slots

    def send(self, request: Request) -> httpx.Response: ...

    async def asend(self, request: Request) -> httpx.Response: ...


class SyncConnection:
    """For any number of threads. A coroutine sends through a thread, so it makes no long polls: each would block one.

    A forked child gets its own pool and leaves the inherited one alone: closing it could wait for a lock that a thread
    of the parent held at the fork.
    """

    def __init__(self) -> None:
        self.long_polls = Slots(MAX_LONG_POLLS)
        self.async_long_polls = Slots(0)
        self._clients: dict[int, httpx.Client] = {}  # by process id

    def send(self, request: Request) -> httpx.Response:
        with _translated_errors(request):
            return self._client().request(
                request.method,
                request.url,
                headers=request.headers,
                content=request.content,
                timeout=request.timeout,
            )

    async def asend(self, request: Request) -> httpx.Response:
        import asyncio

        return await asyncio.to_thread(self.send, request)

    def close(self) -> None:
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _client(self) -> httpx.Client:
        pid = os.getpid()
        client = self._clients.get(pid)
        if client is not None:
            return client
        import httpx

        fresh = httpx.Client(**_pool_options())
        client = self._clients.setdefault(pid, fresh)  # another thread may have been quicker
        if client is fresh:
            weakref.finalize(self, _close_in_own_process, fresh, pid)
        else:
            fresh.close()
        return client


class AsyncConnection:
    """For coroutines: one pool for each event loop. Plain code uses a pool for threads beside it."""

    def __init__(self) -> None:
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._sync = SyncConnection()
        self.long_polls = self._sync.long_polls
        self.async_long_polls = Slots(MAX_LONG_POLLS)

    def send(self, request: Request) -> httpx.Response:
        return self._sync.send(request)

    async def asend(self, request: Request) -> httpx.Response:
        with _translated_errors(request):
            return await self._client().request(
                request.method,
                request.url,
                headers=request.headers,
                content=request.content,
                timeout=request.timeout,
            )

    async def aclose(self) -> None:
        """Close the pools of the running loop and of plain code. The pools of other loops stay open."""
        import asyncio

        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()
        self._sync.close()

    def _client(self) -> httpx.AsyncClient:
        import asyncio

        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            import httpx

            for closed in [known for known in self._clients if known.is_closed()]:
                self._clients.pop(closed, None)
            client = self._clients[loop] = httpx.AsyncClient(**_pool_options())
        return client


def _pool_options() -> dict[str, Any]:
    import httpx

    return {
        "limits": httpx.Limits(
            max_connections=MAX_CONNECTIONS, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE_SECONDS
        ),
        # A proxy named in the environment is for other hosts; this host is never behind it.
        "mounts": {f"all://{host}": None for host in _LOOPBACK},
    }


def _close_in_own_process(client: httpx.Client, pid: int) -> None:
    if os.getpid() == pid:
        client.close()


@contextlib.contextmanager
def _translated_errors(request: Request) -> Generator[None]:
    import httpx

    try:
        yield
    except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError) as error:
        never_left = isinstance(
            error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
        )
        raise ServerUnavailable(
            f"no answer from {request.url}: {str(error) or type(error).__name__}",
            url=request.url,
            may_have_arrived=not never_left,
        ) from error
