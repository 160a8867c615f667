"""Failures of tasks in Sentry. Needs the extra `sentry`; the application calls `sentry_sdk.init`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lapinq._client.outcome import is_failure
from lapinq_core.domain.tasks.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from lapinq_core.domain.tasks.context import CurrentTask


class Sentry(Middleware):
    """Runs each attempt in its own scope and captures the exception that it fails with, also if it will be retried.

    Events have the tags `lapinq.task`, `lapinq.task_id`, `lapinq.queue` and `lapinq.attempt`. `RetryError`, `Snooze`,
    `RateLimited`, `Cancel` and suspensions are no failures. Raises ImportError without `sentry-sdk`.
    """

    def __init__(self) -> None:
        try:
            import sentry_sdk
            from sentry_sdk.integrations.logging import ignore_logger
        except ImportError as error:
            raise ImportError("this middleware needs sentry-sdk: pip install 'lapinq[sentry]'") from error
        self._sdk = sentry_sdk
        ignore_logger("lapinq.tasks")  # a worker logs each final failure there: it would be a second event

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        with self._captured(task):
            return call()

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        with self._captured(task):
            return await call()

    @contextmanager
    def _captured(self, task: CurrentTask) -> Generator[None]:
        with self._sdk.isolation_scope() as scope:
            scope.clear_breadcrumbs()
            scope.set_transaction_name(task.task_name, source="task")
            scope.set_tag("lapinq.task", task.task_name)
            scope.set_tag("lapinq.task_id", task.id)
            scope.set_tag("lapinq.queue", task.queue)
            scope.set_tag("lapinq.attempt", task.attempt)
            try:
                yield
            except BaseException as error:
                if is_failure(error):
                    self._sdk.capture_exception(error)
                raise
