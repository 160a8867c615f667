"""What the two queues have in common: their settings and the `task` decorator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from lapinq._connection import Connection
from lapinq.task import Task, TaskDecorator, TaskOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Connection)


class QueueBase(Generic[C]):
    """Settings are plain attributes and may be changed; the next request goes by them."""

    def __init__(
        self,
        connection: C,
        server_url: str,
        queue_name: str,
        timeout: float,
        api_key: str | None,
        default_ttl_seconds: float | None,
    ) -> None:
        if not server_url.startswith(("http://", "https://")):
            raise ValueError(f"server_url must begin with http:// or https://, not {server_url!r}")
        self.server_url = server_url
        self.queue_name = queue_name
        self.timeout = timeout
        self.api_key = api_key
        self.default_ttl_seconds = default_ttl_seconds
        self._connection = connection

    @overload
    def task(self, name: Callable[P, R], /) -> Task[P, R]: ...
    @overload
    def task(
        self,
        name: str | None = None,
        queue_name: str | None = None,
        scheduled_at: str | datetime | None = None,
        max_retries: int | None = None,
        priority: int = 0,
        ttl_seconds: float | None = None,
        metadata: dict[str, Any] | None = None,
        retry_delay: float | None = None,
        retry_backoff: bool | None = None,
        webhook_url: str | None = None,
    ) -> TaskDecorator: ...
    def task(
        self,
        name: Callable[P, R] | str | None = None,
        queue_name: str | None = None,
        scheduled_at: str | datetime | None = None,
        max_retries: int | None = None,
        priority: int = 0,
        ttl_seconds: float | None = None,
        metadata: dict[str, Any] | None = None,
        retry_delay: float | None = None,
        retry_backoff: bool | None = None,
        webhook_url: str | None = None,
    ) -> Task[P, R] | TaskDecorator:
        """Make a function a task: `@queue.task`, `@queue.task("name")` or `@queue.task(priority=5)`.

        `scheduled_at` without an offset is UTC, `ttl_seconds` and `retry_delay` are seconds. What is None is
        left to the queue and to the server. A worker finds the function by its module and `name`, by default
        its own.
        """
        options: TaskOptions = {
            "queue_name": queue_name,
            "scheduled_at": scheduled_at,
            "max_retries": max_retries,
            "priority": priority,
            "ttl_seconds": ttl_seconds,
            "metadata": metadata,
            "retry_delay": retry_delay,
            "retry_backoff": retry_backoff,
            "webhook_url": webhook_url,
        }
        if name is None or isinstance(name, str):
            return TaskDecorator(self, self._connection, name, options)
        return Task(name, self, self._connection, options=options)
