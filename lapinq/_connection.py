"""Sending calls over pooled HTTP connections: one kind for threads, one for event loops.

Either kind serves both sides, so that a task can be enqueued from a script and from a coroutine whichever
queue it belongs to. Nothing is opened, and httpx is not imported, before the first call. A connection that
was closed opens again when it is used.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from lapinq.errors import ServerUnavailable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator

    import httpx

    from lapinq._requests import Call

# Below the 5 s after which uvicorn drops an idle connection: a request must not be on its way when that
# happens.
KEEPALIVE_SECONDS = 3.0
MOST_CONNECTIONS = 100
MOST_HELD = 50
"""Requests at the same time that the server is asked to hold back; the others need connections too."""
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Places:
    """Bounds how many requests are held at once. Any thread may take a place, and a fork may come at any time."""

    def __init__(self, most: int) -> None:
        self._free = [None] * most  # a lock could be held by a thread that a forked child doesn't have

    @contextlib.contextmanager
    def one(self) -> Generator[bool]:
        """Whether there is a place, which is taken while the context lasts."""
        try:
            self._free.pop()
        except IndexError:
            yield False
            return
        try:
            yield True
        finally:
            self._free.append(None)


class Connection(Protocol):
    """Sends a call; raises `ServerUnavailable` when there is no answer.

    `places` are for requests that the server holds back for a while, `async_places` for those of coroutines.
    """

    places: Places
    async_places: Places

    def send(self, call: Call) -> httpx.Response: ...

    async def asend(self, call: Call) -> httpx.Response: ...


class SyncConnection:
    """For threads, any number of them. A coroutine uses it through a thread.

    A forked child gets a pool of its own and leaves the inherited one alone: closing it could wait for a lock
    that a thread of the parent held at the fork.
    """

    def __init__(self) -> None:
        self.places = Places(MOST_HELD)
        self.async_places = Places(
            0
        )  # each would keep one of the few threads that a coroutine uses it through
        self._clients: dict[int, httpx.Client] = {}  # by process id

    def send(self, call: Call) -> httpx.Response:
        with _translating(call):
            return self._client().request(
                call.method, call.url, headers=call.headers, content=call.content, timeout=call.timeout
            )

    async def asend(self, call: Call) -> httpx.Response:
        import asyncio

        return await asyncio.to_thread(self.send, call)

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
            weakref.finalize(self, _close_own, fresh, pid)
        else:
            fresh.close()
        return client


class AsyncConnection:
    """For coroutines: one pool for each running event loop. Plain code uses a pool for threads beside it."""

    def __init__(self) -> None:
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._sync = SyncConnection()
        self.places = self._sync.places
        self.async_places = Places(MOST_HELD)

    def send(self, call: Call) -> httpx.Response:
        return self._sync.send(call)

    async def asend(self, call: Call) -> httpx.Response:
        with _translating(call):
            return await self._client().request(
                call.method, call.url, headers=call.headers, content=call.content, timeout=call.timeout
            )

    async def aclose(self) -> None:
        """Close what the running loop and plain code opened; another loop's pool is left to that loop."""
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

            for ended in [known for known in self._clients if known.is_closed()]:
                self._clients.pop(ended, None)
            client = self._clients[loop] = httpx.AsyncClient(**_pool_options())
        return client


def _pool_options() -> dict[str, Any]:
    import httpx

    return {
        "limits": httpx.Limits(
            max_connections=MOST_CONNECTIONS, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE_SECONDS
        ),
        # A proxy named in the environment is for other hosts; this one is never behind it.
        "mounts": {f"all://{host}": None for host in _LOOPBACK},
    }


def _close_own(client: httpx.Client, pid: int) -> None:
    if os.getpid() == pid:
        client.close()


@contextlib.contextmanager
def _translating(call: Call) -> Generator[None]:
    import httpx

    try:
        yield
    except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError) as error:
        never_left = isinstance(
            error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
        )
        raise ServerUnavailable(
            f"no answer from {call.url}: {str(error) or type(error).__name__}",
            url=call.url,
            may_have_arrived=not never_left,
        ) from error
