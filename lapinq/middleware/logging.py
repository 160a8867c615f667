"""Names the logger that logs the end of tasks and, at level debug, their start, and logs what a client enqueues."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from lapinq_core.domain.tasks.middleware import NamesLogger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lapinq_core.domain.tasks.middleware import Entries


class StructuredLogging(NamesLogger):
    """In a worker: `logger` has the lines on its tasks' ends and starts, also where the worker logs none by default.

    In a client: a line at level debug for each task that it enqueues, with `task_name` and `queue`.
    """

    def __init__(self, logger: logging.Logger | str = "lapinq.tasks") -> None:
        self.logger = logging.getLogger(logger) if isinstance(logger, str) else logger

    def enqueue(self, entries: Entries, send: Callable[[Entries], Any]) -> Any:
        self._log_entries(entries)
        return send(entries)

    async def aenqueue(self, entries: Entries, send: Callable[[Entries], Awaitable[Any]]) -> Any:
        self._log_entries(entries)
        return await send(entries)

    def _log_entries(self, entries: Entries) -> None:
        if self.logger.isEnabledFor(logging.DEBUG):
            for entry in entries:
                name, queue = entry.get("task_name"), entry.get("queue_name")
                self.logger.debug("enqueueing %s", name, extra={"task_name": name, "queue": queue})
