"""The queue for plain code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapinq._client.batches import send_batch
from lapinq._client.environment import DEFAULT_URL
from lapinq.handle import TaskRef
from lapinq.queue import QueueBase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from lapinq.batch_ref import BatchRef
    from lapinq.workflow import Workflow
    from lapinq_core.domain.tasks.middleware import Middleware


class TaskQueue(QueueBase):
    """Enqueues tasks over HTTP. Any number of threads may share it, and it survives a fork.

    The first request opens connections. `close`, the end of a `with` block or the end of the process closes them. A
    closed queue opens them again when it is used.
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
            is_async=False,
        )

    def batch_enqueue(
        self, tasks: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> BatchRef:
        """Enqueue at most 1000 entries, made by `Task.entry`: all of them or none.

        A repeated request with the same `idempotency_key` and the same tasks enqueues nothing and returns the same ids.
        Raises TypeError or ValueError naming the entry that cannot be sent, `RequestRefused` and `ServerUnavailable`.
        Like `Task.queue`, it repeats the request where that is needed.
        """
        return send_batch(
            self, self._transport, tasks, idempotency_key, self._read_batch, repeats=self.raise_errors
        )

    def workflow(self, name: str, *, metadata: dict[str, Any] | None = None) -> Workflow:
        """A graph of tasks, enqueued together at the end of the block: `with queue.workflow("report") as flow:`.

        Raises TypeError, ValueError and `lapinq.errors.InvalidValue`.
        """
        from lapinq.workflow import Workflow

        return Workflow(self, self._transport, name, metadata, is_async=False)

    def result(self, task_id: str, timeout: float | None = 30, poll_interval: float = 0.5) -> Any:
        """Like `TaskRef.result`, of a task that was enqueued elsewhere or earlier."""
        return TaskRef(task_id, queue=self).result(timeout, poll_interval)

    def signal(self, task_id: str, name: str, value: object = None) -> None:
        """Like `TaskRef.signal`, to a task that was enqueued elsewhere or earlier."""
        TaskRef(task_id, queue=self).signal(name, value)

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
