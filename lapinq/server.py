"""`create_app`: the server as an ASGI application, to run under uvicorn or another server.

The composition root: services never import each other, here they are put together.
"""

import os
from collections.abc import Callable

import msgspec
from starlette.applications import Starlette

from lapinq_api.app import build_app
from lapinq_api.embedded.service_runner import EmbeddedService
from lapinq_core.runtime.settings import Settings, load_settings
from lapinq_core.runtime.unknown_variables import warn_of_unknown_variables

_DATABASE_URL = "postgresql://localhost:5432/lapinq"


def create_app(
    database_url: str = _DATABASE_URL,
    api_key: str | None = None,
    session_secret: str | None = None,
    rate_limit: int = 0,
    worker: bool = False,
    worker_concurrency: int = 4,
    worker_poll_interval: float = 0.1,
    worker_timeout: int = 300,
    cleanup_interval: float = 0,
    scheduler: bool = False,
    scheduler_interval: int = 60,
) -> Starlette:
    """The REST API and the dashboard, with a worker and a scheduler inside if asked to.

    Its lifespan brings the database's schema up to date and runs the rest, so the server must support it. A
    parameter left at its default leaves the word to the environment (`DATABASE_URL`, `LAPINQ_API_KEY`, …).
    Times are in seconds. Raises `lapinq_core.runtime.settings.SettingsError` for a value that can't be.
    """
    given = {
        "database_url": _unless(_DATABASE_URL, database_url),
        "api_key": api_key,
        "session_secret": session_secret or None,
        "rate_limit": rate_limit or None,
        "worker": worker or None,
        "worker_concurrency": _unless(4, worker_concurrency),
        "worker_poll_interval": _unless(0.1, worker_poll_interval),
        "worker_timeout": _unless(300, worker_timeout),
        "cleanup_interval": cleanup_interval or None,
        "scheduler": scheduler or None,
        "scheduler_interval": _unless(60, scheduler_interval),
    }
    settings = load_settings(os.environ, **given)
    warn_of_unknown_variables(os.environ)
    if settings.database_url is None:
        settings = msgspec.structs.replace(settings, database_url=_DATABASE_URL)
    return build_app(settings, services=embedded_services(settings), migrates=True)


def embedded_services(
    settings: Settings, url: str | None = None, reexec: Callable[[], None] | None = None
) -> list[EmbeddedService]:
    """What runs beside the API in the same process: webhook deliveries, maintenance and, if enabled, a worker and the
    firing of schedules.

    `url` is where the server listens, None if that is unknown. `reexec` re-executes the program, where it is ours to do
    that.
    """
    from lapinq_scheduler.scheduler import embedded_scheduler
    from lapinq_scheduler.webhooks.deliveries import embedded_deliveries

    found: list[EmbeddedService] = [
        lambda: embedded_deliveries(settings),
        lambda: embedded_scheduler(settings),
    ]
    if settings.worker:
        from lapinq_worker.embedded_worker import embedded_worker

        # Links that its tasks make lead to this server, unless people open it by another address.
        of_worker = msgspec.structs.replace(settings, public_url=settings.public_url or url)
        found.append(lambda: embedded_worker(of_worker, reexec))
    if settings.scheduler:
        from lapinq_scheduler.cron import embedded_cron

        found.append(lambda: embedded_cron(settings))
    return found


def _unless(default: object, value: object) -> object | None:
    return None if value == default else value
