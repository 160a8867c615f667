"""The queue for coroutines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapinq._client.calling.answer import log_refusal
from lapinq._client.transports import open_transport
from lapinq.queue import QueueBase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    import httpx

    from lapinq_core.domain.tasks.middleware import Entries, Middleware


class AsyncTaskQueue(QueueBase):
    """Enqueues tasks over HTTP from coroutines. Any number of event loops may share it.

    The first request of each loop opens connections. `close` or the end of an `async with` block closes those of the
    running loop; asyncio warns about connections that a loop leaves open at its end.
    """

    def __init__(
        self,
        server_url: str = "http://127.0.0.1:8001",
        queue_name: str = "default",
        timeout: float = 30.0,
        api_key: str | None = None,
        default_ttl_seconds: float | None = None,
        *,
        middleware: Iterable[Middleware] | None = (),
        typed: bool = True,
    ) -> None:
        """`timeout` is in seconds, for each of connecting, sending and receiving. Without `typed` arguments arrive as
        JSON has them, whatever the annotations."""
        super().__init__(
            open_transport(server_url, is_async=True),
            server_url,
            queue_name,
            timeout,
            api_key,
            default_ttl_seconds,
            middleware,
            typed=typed,
        )

    async def batch_enqueue(
        self, tasks: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> httpx.Response:
        """Like `TaskQueue.batch_enqueue`."""
        if not self.middleware:
            return await self._send_batch(tasks, idempotency_key)
        from lapinq._client.entries.middleware import apass_through, editable_copies

        async def send(entries: Entries) -> httpx.Response:
            return await self._send_batch(entries, idempotency_key)

        return await apass_through(self.middleware, editable_copies(self, tasks), send)

    async def close(self) -> None:
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send_batch(
        self, entries: Iterable[Mapping[str, Any]], idempotency_key: str | None
    ) -> httpx.Response:
        call = self._batch(entries, idempotency_key)
        answer = await self._transport.asend(call, self, self.timeout)
        log_refusal(answer, "the batch was not enqueued")
        return answer.as_response()
