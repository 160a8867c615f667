"""Log lines at the start and the end of each task, with details as `extra` fields."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lapinq._client.outcome import outcome_of, type_name
from lapinq_core.domain.tasks.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from lapinq_core.domain.tasks.context import CurrentTask
    from lapinq_core.domain.tasks.middleware import Entries


class StructuredLogging(Middleware):
    """In a worker: a line at level debug when a task starts and one at level info when it ends, with `task_id`,
    `task_name`, `queue`, `attempt`, `seconds`, `outcome` and, after an exception, `error` (its type).

    In a client: a line at level debug for each task that it enqueues, with `task_name` and `queue`.
    """

    def __init__(self, logger: logging.Logger | str = "lapinq.tasks") -> None:
        self._log = logging.getLogger(logger) if isinstance(logger, str) else logger

    def enqueue(self, entries: Entries, send: Callable[[Entries], Any]) -> Any:
        self._log_entries(entries)
        return send(entries)

    async def aenqueue(self, entries: Entries, send: Callable[[Entries], Awaitable[Any]]) -> Any:
        self._log_entries(entries)
        return await send(entries)

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        with self._logged(task):
            return call()

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        with self._logged(task):
            return await call()

    def _log_entries(self, entries: Entries) -> None:
        if self._log.isEnabledFor(logging.DEBUG):
            for entry in entries:
                name, queue = entry.get("task_name"), entry.get("queue_name")
                self._log.debug("enqueueing %s", name, extra={"task_name": name, "queue": queue})

    @contextmanager
    def _logged(self, task: CurrentTask) -> Generator[None]:
        facts = {
            "task_id": task.id,
            "task_name": task.task_name,
            "queue": task.queue,
            "attempt": task.attempt,
        }
        self._log.debug("%s started", task.task_name, extra=facts)
        started = time.perf_counter()
        try:
            yield
        except BaseException as error:
            self._log_end(facts, started, outcome_of(error), {"error": type_name(error)})
            raise
        self._log_end(facts, started, "completed", {})

    def _log_end(self, facts: dict[str, Any], started: float, outcome: str, more: dict[str, Any]) -> None:
        seconds = round(time.perf_counter() - started, 6)
        self._log.info(
            "%s ended after %.3f s: %s",
            facts["task_name"],
            seconds,
            outcome,
            extra={**facts, "seconds": seconds, "outcome": outcome, **more},
        )
