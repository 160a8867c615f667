"""Tasks in the application context of a Flask application."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from lapinq_core.domain.tasks.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flask import Flask

    from lapinq_core.domain.tasks.context import CurrentTask


class AppContext(Middleware):
    """Middleware that runs each task in an application context, so `current_app` and Flask's extensions work.

    `app` is the application, or a function that makes it. A process calls the function once, when it runs its first
    task. A task that runs where a context is already active, as in tests, uses that one.
    """

    def __init__(self, app: Flask | Callable[[], Flask]) -> None:
        self._given = app
        self._app: Flask | None = None
        self._making = threading.Lock()

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        import flask

        if flask.has_app_context():
            return call()
        with self._made().app_context():
            return call()

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        import flask

        if flask.has_app_context():
            return await call()
        with self._made().app_context():
            return await call()

    def _made(self) -> Flask:
        import flask

        with self._making:
            if self._app is None:
                self._app = self._given if isinstance(self._given, flask.Flask) else self._given()
            return self._app
