"""lapinq in a Starlette or FastAPI application: the dashboard and the API below a path, and a worker inside."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from lapinq.aio import AsyncTaskQueue
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.hosts.database_url import is_database_url, place_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from starlette.applications import Starlette
    from starlette.types import ASGIApp, Receive, Scope, Send

    from lapinq.client import TaskQueue
    from lapinq_core.runtime.settings import Settings

log = logging.getLogger(__name__)


def lifespan(
    *queues: TaskQueue | AsyncTaskQueue,
    worker: bool = False,
    scheduler: bool = False,
    database_url: str | None = None,
    **settings: object,
) -> Callable[[object], AbstractAsyncContextManager[None]]:
    """A lifespan that runs a worker and a scheduler inside the application, and closes `queues` at the end.

    Give it to the application, or enter it in your own lifespan: `async with lifespan(queue, worker=True)(app):`. The
    rest is as in `mount`, which serves the dashboard, too.
    """
    chosen = None
    if worker or scheduler:
        chosen = _settings(queues, database_url, worker=worker, scheduler=scheduler, **settings)
    elif settings:
        raise TypeError("settings have no effect without worker=True or scheduler=True")

    @asynccontextmanager
    async def running(_app: object) -> AsyncGenerator[None]:
        async with _closing(queues):
            if chosen is None:
                yield
                return
            from lapinq.server import embedded_services
            from lapinq_api.embedded.services_alone import services_alone

            _show_log(chosen)
            async with services_alone(chosen, embedded_services(chosen), migrates=True):
                yield

    return running


def mount(
    app: Starlette,
    path: str,
    *queues: TaskQueue | AsyncTaskQueue,
    worker: bool = False,
    scheduler: bool = False,
    database_url: str | None = None,
    **settings: object,
) -> None:
    """Serve the dashboard and the API of lapinq below `path`, with a worker and a scheduler inside if asked to.

    It extends the lifespan of `app`: after your own startup it updates the database's schema and starts the worker,
    before your own shutdown it stops them, and then closes `queues`. Without `database_url`, the database is that of
    the first queue that enqueues into one, or `DATABASE_URL`. `settings` are those of a server, by their names in
    `docs/reference/settings.md`; the environment sets the rest.

    Raises TypeError for an unknown setting, ValueError for `path`, and `lapinq_core.runtime.settings.SettingsError` for
    an invalid value, or if nothing names the database.
    """
    from lapinq.server import embedded_services
    from lapinq_api.app import build_app

    if not path.startswith("/"):
        raise ValueError(f"path must begin with a slash, not {path!r}")
    chosen = _settings(queues, database_url, worker=worker, scheduler=scheduler, **settings)
    inner = build_app(chosen, services=embedded_services(chosen), migrates=True)
    app.mount(path, _Mounted(inner), name="lapinq")
    around = app.router.lifespan_context

    @asynccontextmanager
    async def extended(given: Any) -> AsyncGenerator[Any]:
        _show_log(chosen)
        log.info("dashboard and API below %s, database: %s", path, place_of(chosen.database_url or ""))
        async with around(given) as state, _closing(queues), inner.router.lifespan_context(inner):
            yield state

    app.router.lifespan_context = extended


class _Mounted:
    """Completes the path where `root_path` is set but no part of the path, as behind a proxy that strips it.

    Starlette then hands a path to what it mounts that is not below the `root_path` beside it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outer: str = scope.get("app_root_path", "")
        if outer and not scope["path"].startswith(scope["root_path"]):
            scope = {**scope, "path": outer + scope["path"]}
        await self._app(scope, receive, send)


@asynccontextmanager
async def _closing(queues: Sequence[TaskQueue | AsyncTaskQueue]) -> AsyncGenerator[None]:
    async with AsyncExitStack() as stack:
        for queue in queues:
            if isinstance(queue, AsyncTaskQueue):
                stack.push_async_callback(queue.close)
            else:
                stack.push_async_callback(asyncio.to_thread, queue.close)
        yield


def _show_log(settings: Settings) -> None:
    from lapinq_core.runtime.logs import configure_own_loggers

    configure_own_loggers(settings.log_level, as_json=settings.json_log)


def _settings(
    queues: Sequence[TaskQueue | AsyncTaskQueue], database_url: str | None, **given: object
) -> Settings:
    from lapinq_core.db.url_check import check_url
    from lapinq_core.runtime.settings import Settings, SettingsError, load_settings
    from lapinq_core.runtime.unknown_variables import warn_of_unknown_variables

    unknown = given.keys() - set(Settings.__struct_fields__)
    if unknown:
        raise TypeError(f"lapinq has no setting {', '.join(map(repr, sorted(unknown)))}")
    of_queue = next((queue.server_url for queue in queues if is_database_url(queue.server_url)), None)
    given = {**given, "worker": given["worker"] or None, "scheduler": given["scheduler"] or None}
    settings = load_settings(os.environ, **given, database_url=database_url or of_queue)
    warn_of_unknown_variables(os.environ)
    if settings.database_url is None:
        raise SettingsError("name the database: set DATABASE_URL, or pass database_url")
    try:
        check_url(settings.database_url)
    except InvalidValue as error:
        source = "DATABASE_URL" if database_url is None else "database_url"
        raise SettingsError(f"{source} is not valid: {error.msg}") from None
    return settings
