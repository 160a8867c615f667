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
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Connection(Protocol):
    """Sends a call; raises `ServerUnavailable` when there is no answer."""

    def send(self, call: Call) -> httpx.Response: ...

    async def asend(self, call: Call) -> httpx.Response: ...


class SyncConnection:
    """For threads, any number of them. A coroutine uses it through a thread.

    A forked child gets a pool of its own and leaves the inherited one alone: closing it could wait for a lock
    that a thread of the parent held at the fork.
    """

    def __init__(self) -> None:
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
            max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE_SECONDS
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
