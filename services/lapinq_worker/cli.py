"""`lapinq-worker` and `lapinq worker`."""

import asyncio
import logging
import os
import sys
from typing import NoReturn

import click
import msgspec

from lapinq_core.db.startup import database, explained, wait_for_schema
from lapinq_core.importing import prepare_imports
from lapinq_core.runtime import flags
from lapinq_core.runtime.logs import configure_logging
from lapinq_core.runtime.main_loop import end_without_threads, run_main
from lapinq_core.runtime.metrics import Metrics
from lapinq_core.runtime.metrics_server import serving_metrics
from lapinq_core.runtime.probes import Probes
from lapinq_core.runtime.reexec import make_reexec
from lapinq_core.runtime.settings import Settings, SettingsError, load_settings
from lapinq_core.runtime.signals import stop_signals, was_asked_to_stop
from lapinq_worker.claiming.queue_settings import choice_of
from lapinq_worker.worker import Worker

log = logging.getLogger(__name__)


@click.command()
@flags.option("database_url", help="PostgreSQL to work on; without one the embedded PostgreSQL is used.")
@flags.option("worker_concurrency", "--concurrency", "-c", help="Most tasks at once.")
@flags.option(
    "worker_poll_interval", "--poll-interval", help="Seconds between two looks while nothing wakes it."
)
@flags.option(
    "worker_timeout", "--task-timeout", help="Time limit in seconds of a task that brings none of its own."
)
@flags.option(
    "time_limit_grace", help="Seconds between telling a task that its time is over and ending it by force."
)
@flags.option("cancel_grace", help="Seconds a running task gets to end by itself when it is cancelled.")
@flags.option(
    "worker_queues",
    "--queue",
    "-q",
    help="Queue to serve, NAME or NAME=WEIGHT; may be repeated; all by default.",
)
@flags.option(
    "worker_strict_order",
    "--strict-order",
    help="Serve the queues in the order named: one only while those before it are empty.",
)
@flags.option("worker_pool", "--pool", help="Where plain functions run.")
@flags.option(
    "worker_max_memory",
    "--max-memory",
    help="Most resident memory of a child process, such as 512M; the task that takes it beyond fails.",
)
@flags.option(
    "worker_max_tasks_per_child",
    "--max-tasks-per-child",
    help="Tasks after which a child process is replaced by a new one.",
)
@flags.option("max_result_size", help="Largest result of a task as JSON, in bytes or such as 64M.")
@flags.option("worker_imports", "--import", help="Module to import at the start; may be repeated.")
@flags.option(
    "worker_middleware",
    "--middleware",
    help="Middleware around every task, as module:name; may be repeated, the first is outermost.",
)
@flags.option("worker_name", "--name", help="Name of this worker in lists.")
@flags.option("allowed_modules", help="Glob pattern of modules that tasks may come from; may be repeated.")
@flags.option("shutdown_grace", help="Seconds that running tasks get to finish when it is stopped.")
@flags.option(
    "cleanup_interval",
    help="Seconds between two deletions of finished tasks past their time to live; 0 is off.",
)
@flags.metrics()
@flags.option("data_dir", help="Directory of the embedded database.")
@flags.option("pg_bin", help="Directory of the PostgreSQL programs for the embedded database.")
@flags.option("log_level", help="Least severe log lines to write.")
@flags.option("json_log", help="Write log lines as JSON objects.")
@flags.option("worker_rates", "--rates", help="Log the rates once a minute; by default only on a terminal.")
@click.option("--drain", is_flag=True, help="Work until the queues are empty, then end.")
@click.option(
    "--reload", "reloads", is_flag=True, help="For development: restart whenever a Python file changes."
)
def worker(*, drain: bool, reloads: bool, **given: object) -> None:
    """Run tasks. SIGTERM or Ctrl-C lets running ones finish; a second one releases them at once."""
    with explained():
        settings = load_settings(os.environ, **given)
        choice_of(settings)  # which says what is wrong with them
        configure_logging(settings.log_level, as_json=settings.json_log)
        if reloads:
            if drain:
                raise SettingsError("--reload never ends by itself, --drain does: leave out either")
            _reload(settings)
        prepare_imports(settings.worker_imports)
        metrics, probes = Metrics(), Probes(settings.worker_timeout + settings.lease_seconds)
        with serving_metrics(settings, metrics, probes), database(settings) as url:
            settings = msgspec.structs.replace(settings, database_url=url)
            run_main(_serve(settings, metrics, probes, drain=drain))
        end_without_threads()


def main() -> None:
    """The console script."""
    worker()


async def _serve(settings: Settings, metrics: Metrics, probes: Probes, *, drain: bool) -> None:
    assert settings.database_url is not None
    with stop_signals() as signals, probes.beating():
        await wait_for_schema(settings.database_url, signals.asked)
        if signals.asked.is_set():
            return
        reexec = make_reexec(lambda: was_asked_to_stop() or running.is_dismissed)
        running = Worker(settings, drain=drain, reexec=reexec, ends_tainted=not drain)
        metrics.show(running)
        probes.started(running.why_not_ready)
        task = asyncio.create_task(running.run(), name="worker")
        for event in (signals.asked, signals.insisted):
            told = asyncio.create_task(event.wait())
            await asyncio.wait([task, told], return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            if task.done():
                break
            running.stop()
        await task
        if running.is_tainted and not signals.asked.is_set():
            reexec()
    log.info("stopped")


def _reload(settings: Settings) -> NoReturn:
    from lapinq_worker.reload import own_command, places_to_watch, run_reloading  # of no use in production

    prepare_imports(())  # makes the working directory importable
    with database(settings) as url:
        # An embedded database is held here, so that it outlives the worker that is replaced.
        named = [] if settings.database_url else ["--database-url", url]
        code = run_main(run_reloading([*own_command(), *named], places_to_watch(settings.worker_imports)))
    sys.exit(code)


if __name__ == "__main__":
    main()
