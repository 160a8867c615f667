"""Sending calls over pooled HTTP connections: a pool for threads, and one for each event loop.

httpx is imported by the first call.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import TYPE_CHECKING, Any

from lapinq._client.calling.answer import answer_of
from lapinq._client.calling.calls import ReadResult
from lapinq._client.http.requests import request_of
from lapinq._client.http.slots import Slots
from lapinq.errors import RequestRefused, ServerUnavailable
from lapinq_core.domain.requests.refusals import MAX_IN_BATCH

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator

    import httpx

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.http.requests import Request
    from lapinq._client.settings import ServerSettings

# Below the 5 s after which uvicorn drops an idle connection: a request must not be in flight when that happens.
KEEPALIVE_SECONDS = 3.0
MAX_CONNECTIONS = 100
MAX_LONG_POLLS = 50
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class SyncHttp:
    """For any number of threads. A coroutine sends through a thread, so it makes no long polls: each would block one.

    A forked child gets its own pool and leaves the inherited one alone: closing it could wait for a lock that a thread
    of the parent held at the fork.
    """

    max_in_batch: int | None = MAX_IN_BATCH

    def __init__(self) -> None:
        self.long_polls = Slots(MAX_LONG_POLLS)
        self._clients: dict[int, httpx.Client] = {}  # by process id

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        with _allowed(call, self.long_polls) as allowed:
            return self._send(request_of(allowed, server), timeout)

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        import asyncio

        return await asyncio.to_thread(self._send, request_of(_without_wait(call), server), timeout)

    def close(self) -> None:
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        self.close()

    def _send(self, request: Request, timeout: float) -> Answer:
        with _translated_errors(request):
            return answer_of(
                self._client().request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    content=request.content,
                    timeout=timeout,
                )
            )

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


class AsyncHttp:
    """For coroutines: one pool for each event loop. Plain code uses a pool for threads beside it."""

    max_in_batch: int | None = MAX_IN_BATCH

    def __init__(self) -> None:
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._sync = SyncHttp()
        self.long_polls = Slots(MAX_LONG_POLLS)

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return self._sync.send(call, server, timeout)

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        with _allowed(call, self.long_polls) as allowed:
            request = request_of(allowed, server)
            with _translated_errors(request):
                return answer_of(
                    await self._client().request(
                        request.method,
                        request.url,
                        headers=request.headers,
                        content=request.content,
                        timeout=timeout,
                    )
                )

    def close(self) -> None:
        """Close the pool of plain code."""
        self._sync.close()

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


@contextlib.contextmanager
def _allowed(call: Call, long_polls: Slots) -> Generator[Call]:
    """The call, without its wait if no slot is free."""
    if not isinstance(call, ReadResult) or not call.wait:
        yield call
        return
    with long_polls.take() as has_slot:
        yield call if has_slot else _without_wait(call)


def _without_wait(call: Call) -> Call:
    return ReadResult(call.task_id) if isinstance(call, ReadResult) else call


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
        if "WRONG_VERSION_NUMBER" in str(error):  # of OpenSSL: it read plain text
            raise RequestRefused(
                f"{request.url} does not speak https, it seems: begin the URL with http://"
            ) from error
        never_left = isinstance(
            error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
        )
        raise ServerUnavailable(
            f"no answer from {request.url}: {str(error) or type(error).__name__}",
            url=request.url,
            may_have_arrived=not never_left,
        ) from error
