"""The queue for plain code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapinq._client.calling.answer import log_refusal
from lapinq._client.transports import open_transport
from lapinq.queue import QueueBase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    import httpx

    from lapinq_core.domain.tasks.middleware import Middleware


class TaskQueue(QueueBase):
    """Enqueues tasks over HTTP. Any number of threads may share it, and it survives a fork.

    The first request opens connections. `close`, the end of a `with` block or the end of the process closes them. A
    closed queue opens them again when it is used.
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
            open_transport(server_url),
            server_url,
            queue_name,
            timeout,
            api_key,
            default_ttl_seconds,
            middleware,
            typed=typed,
        )

    def batch_enqueue(
        self, tasks: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> httpx.Response:
        """Enqueue at most 1000 entries, made by `Task.entry`: all of them or none.

        A repeated request with the same `idempotency_key` and the same tasks enqueues nothing and returns the same ids.
        Raises TypeError or ValueError naming the entry that cannot be sent, and `ServerUnavailable`. A refusal is
        logged, and the response tells.
        """
        if not self.middleware:
            return self._send_batch(tasks, idempotency_key)
        from lapinq._client.entries.middleware import editable_copies, pass_through

        return pass_through(
            self.middleware,
            editable_copies(self, tasks),
            lambda passed: self._send_batch(passed, idempotency_key),
        )

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send_batch(
        self, entries: Iterable[Mapping[str, Any]], idempotency_key: str | None
    ) -> httpx.Response:
        call = self._batch(entries, idempotency_key)
        answer = self._transport.send(call, self, self.timeout)
        log_refusal(answer, "the batch was not enqueued")
        return answer.as_response()
