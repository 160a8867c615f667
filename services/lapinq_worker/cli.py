"""`lapinq-worker` and `lapinq worker`."""

import asyncio
import logging
import os

import click
import msgspec

from lapinq_core.db.startup import database, explained, wait_for_schema
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.importing import prepare_imports
from lapinq_core.runtime import flags
from lapinq_core.runtime.logs import configure_logging
from lapinq_core.runtime.main_loop import end_without_threads, run_main
from lapinq_core.runtime.settings import Settings, SettingsError, load_settings
from lapinq_core.runtime.signals import stop_signals
from lapinq_worker.queue_choice import parse_queues
from lapinq_worker.worker import Worker

log = logging.getLogger(__name__)


@click.command()
@flags.option("database_url", help="PostgreSQL to work on; without one the embedded PostgreSQL is used.")
@flags.option("worker_concurrency", "--concurrency", "-c", help="Most tasks at once.")
@flags.option(
    "worker_poll_interval", "--poll-interval", help="Seconds between two looks while nothing wakes it."
)
@flags.option("worker_timeout", "--task-timeout", help="Time limit of a task in seconds.")
@flags.option(
    "worker_queues",
    "--queue",
    "-q",
    help="Queue to serve, NAME or NAME=WEIGHT; may be repeated; all by default.",
)
@flags.option("worker_pool", "--pool", help="Where plain functions run.")
@flags.option("worker_imports", "--import", help="Module to import at the start; may be repeated.")
@flags.option("worker_name", "--name", help="Name of this worker in lists.")
@flags.option("allowed_modules", help="Glob pattern of modules that tasks may come from; may be repeated.")
@flags.option("shutdown_grace", help="Seconds that running tasks get to finish when it is stopped.")
@flags.option(
    "cleanup_interval",
    help="Seconds between two deletions of finished tasks past their time to live; 0 is off.",
)
@flags.option("data_dir", help="Directory of the embedded database.")
@flags.option("pg_bin", help="Directory of the PostgreSQL programs for the embedded database.")
@flags.option("log_level", help="Least severe log lines to write.")
@flags.option("json_log", help="Write log lines as JSON objects.")
def worker(**given: object) -> None:
    """Run tasks. SIGTERM or Ctrl-C lets running ones finish; a second one hands them back at once."""
    with explained():
        settings = load_settings(os.environ, **given)
        _check_queues(settings)
        configure_logging(settings.log_level, as_json=settings.json_log)
        prepare_imports(settings.worker_imports)
        with database(settings) as url:
            run_main(_serve(msgspec.structs.replace(settings, database_url=url)))
        end_without_threads()


def main() -> None:
    """The console script."""
    worker()


async def _serve(settings: Settings) -> None:
    assert settings.database_url is not None
    with stop_signals() as signals:
        await wait_for_schema(settings.database_url, signals.asked)
        if signals.asked.is_set():
            return
        running = Worker(settings)
        task = asyncio.create_task(running.run(), name="worker")
        for event in (signals.asked, signals.insisted):
            told = asyncio.create_task(event.wait())
            await asyncio.wait([task, told], return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            if task.done():
                break
            running.stop()
        await task
    log.info("stopped")


def _check_queues(settings: Settings) -> None:
    try:
        parse_queues(settings.worker_queues)
    except InvalidValue as error:
        raise SettingsError(f"--queue: {error.msg}") from error


if __name__ == "__main__":
    main()
