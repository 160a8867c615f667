"""The queue for coroutines, and the running task in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapinq._client.batches import asend_batch
from lapinq._client.environment import DEFAULT_URL
from lapinq.handle import TaskRef
from lapinq.queue import QueueBase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from lapinq.batch_ref import BatchRef
    from lapinq.workflow import AsyncWorkflow
    from lapinq_core.domain.tasks.awaited import AsyncCurrentTask
    from lapinq_core.domain.tasks.middleware import Middleware


def current_task() -> AsyncCurrentTask:
    """As `lapinq.current_task`, for type checkers in a coroutine: what waits there is awaited."""
    from lapinq_core.domain.tasks.context import current_task

    task: Any = current_task()
    return task


class AsyncTaskQueue(QueueBase):
    """Enqueues tasks over HTTP from coroutines. Any number of event loops may share it.

    The first request of each loop opens connections. `close` or the end of an `async with` block closes those of the
    running loop; asyncio warns about connections that a loop leaves open at its end.
    """

    def __init__(
        self,
        server_url: str = DEFAULT_URL,
        queue_name: str = "default",
        timeout: float = 30.0,
        api_key: str | None = None,
        default_ttl_seconds: float | None = None,
        *,
        middleware: Iterable[Middleware] | None = (),
        typed: bool = True,
        raise_errors: bool = True,
    ) -> None:
        """Without a `server_url`, the environment's `LAPINQ_URL` and `LAPINQ_API_KEY` count, if set.

        `timeout` is in seconds, for each call with its repetitions. Without `typed` arguments arrive as JSON has them,
        whatever the annotations. `raise_errors=False` keeps what release 1.3.0 did: an enqueue is sent once, and its
        ref or response tells whether it was refused.
        """
        super().__init__(
            server_url,
            queue_name,
            timeout,
            api_key,
            default_ttl_seconds,
            middleware,
            typed=typed,
            raise_errors=raise_errors,
            is_async=True,
        )

    async def batch_enqueue(
        self, tasks: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> BatchRef:
        """Like `TaskQueue.batch_enqueue`."""
        return await asend_batch(
            self, self._transport, tasks, idempotency_key, self._read_batch, repeats=self.raise_errors
        )

    def workflow(self, name: str, *, metadata: dict[str, Any] | None = None) -> AsyncWorkflow:
        """Like `TaskQueue.workflow`: `async with queue.workflow("report") as flow:`."""
        from lapinq.workflow import AsyncWorkflow

        return AsyncWorkflow(self, self._transport, name, metadata, is_async=True)

    async def result(self, task_id: str, timeout: float | None = 30, poll_interval: float = 0.5) -> Any:
        """Like `TaskRef.aresult`, of a task that was enqueued elsewhere or earlier."""
        return await TaskRef(task_id, is_async=True, queue=self).aresult(timeout, poll_interval)

    async def signal(self, task_id: str, name: str, value: object = None) -> None:
        """Like `TaskQueue.signal`."""
        await TaskRef(task_id, queue=self).asignal(name, value)

    async def close(self) -> None:
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
