"""The middleware of a Django project's workers: `lapinq worker --middleware lapinq.contrib.django.worker:Django`.

The command `lapinq_worker` adds it. A worker and each of its child processes load it before they import any task.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import django
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.apps import apps
from django.db import close_old_connections, connections, reset_queries

from lapinq_core.domain.tasks.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lapinq_core.domain.tasks.context import CurrentTask

NAME = f"{__name__}:Django"
"""As a worker is told of it."""


class Django(Middleware):
    """Loads the apps, and closes old connections around every task.

    Each coroutine gets a thread for `sync_to_async`, which the ORM uses too. Its connections end with the coroutine.
    """

    def __init__(self) -> None:
        if not apps.ready:
            django.setup()
            _enable_loggers()

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        reset_queries()
        close_old_connections()
        try:
            return call()
        finally:
            close_old_connections()

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        async with ThreadSensitiveContext():
            try:
                return await call()
            finally:
                await sync_to_async(connections.close_all)()


def _enable_loggers() -> None:
    """The project's `LOGGING` disables loggers that exist already, unless it says otherwise."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("lapinq") and isinstance(logger, logging.Logger):
            logger.disabled = False
