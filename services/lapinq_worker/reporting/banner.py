"""What a worker says of itself when it begins: a few lines for people, or one with fields for machines."""

import logging
import platform
import sys
from itertools import zip_longest
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from lapinq_core.domain.version import __version__
from lapinq_core.importing import task_names
from lapinq_core.runtime.settings import Settings
from lapinq_worker.claiming.queue_settings import choice_of

MAX_TASKS = 50

log = logging.getLogger(__name__)


def say_what_it_serves(settings: Settings, worker_id: str, name: str) -> None:
    """Logs it. The last line is "worker ID serves QUEUES", by which one can tell that the worker has begun."""
    database = database_label(settings.database_url or "")
    choice = choice_of(settings)
    serves = f"worker {worker_id} serves {', '.join(settings.worker_queues) or 'all queues'}"
    tasks = registered_tasks(settings)
    if settings.json_log:
        fields: dict[str, object] = {
            "version": __version__,
            "python": platform.python_version(),
            "worker": worker_id,
            "worker_name": name,
            "database": database,
            "queues": choice.weights or None,
            "strict_order": choice.is_strict,
            "pool": settings.worker_pool,
            "concurrency": settings.worker_concurrency,
            "limits": _limits(settings),
            "tasks": tasks[:MAX_TASKS],
            "task_count": len(tasks),
        }
        log.info("%s", serves, extra=fields)
        return
    log.info("lapinq %s on Python %s, worker %s", __version__, platform.python_version(), name)
    log.info("database: %s", database)
    log.info(
        "runs up to %d tasks at once, plain functions in %s",
        settings.worker_concurrency,
        settings.worker_pool,
    )
    log.info("limits: %s", ", ".join(f"{what} {value}" for what, value in _limits(settings).items()))
    log.info("tasks: %s", _tasks_line(settings, tasks))
    log.info("%s%s", serves, ", strictly in this order" if choice.is_strict else "")


def database_label(url: str) -> str:
    """Where the database is, without what it takes to get in."""
    given = conninfo_to_dict(url)
    host, port, name = (str(given.get(key) or "") for key in ("host", "port", "dbname"))
    if host.startswith("/") and port.isdigit():
        from lapinq_core.db.embedded.probe import database_url  # of no use where the database has an address

        if url == database_url(Path(host), name, int(port)):
            return "embedded"
    ports = port.split(",")
    # Several hosts have a port each, or one for all.
    places = zip_longest(host.split(","), ports, fillvalue=ports[0])
    named = (f"{place or 'localhost'}{f':{number}' if number else ''}" for place, number in places)
    return f"{','.join(named)}/{name}"


def registered_tasks(settings: Settings) -> list[str]:
    """The tasks in the modules that were imported at the start, each with its module, sorted."""
    modules = [module for module in settings.worker_imports if module in sys.modules]
    return sorted({f"{module}.{name}" for module in modules for name in task_names(module)})


def _limits(settings: Settings) -> dict[str, str]:
    limits = {
        "time": f"{settings.worker_timeout:g} s",
        "grace after it": f"{settings.time_limit_grace:g} s",
        "grace of a cancelled task": f"{settings.cancel_grace:g} s",
        "result": _size(settings.max_result_size),
    }
    if settings.worker_max_memory is not None:
        limits["memory of a child"] = _size(settings.worker_max_memory)
    if settings.worker_max_tasks_per_child is not None:
        limits["tasks of a child"] = str(settings.worker_max_tasks_per_child)
    return limits


def _tasks_line(settings: Settings, tasks: list[str]) -> str:
    if not settings.worker_imports:
        return "modules are imported when their first task comes; --import NAME does it at the start"
    shown = ", ".join(tasks[:MAX_TASKS]) or f"none in {', '.join(settings.worker_imports)}"
    return f"{shown} and {len(tasks) - MAX_TASKS} more" if len(tasks) > MAX_TASKS else shown


def _size(size: int) -> str:
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size} B"
