"""`lapinq-scheduler` and `lapinq scheduler`."""

import logging
import os

import click
import msgspec
import uvloop

from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.db.startup import database, explained, prepare_schema
from lapinq_core.runtime import flags
from lapinq_core.runtime.logs import configure_logging
from lapinq_core.runtime.settings import Settings, load_settings
from lapinq_core.runtime.signals import stop_signals
from lapinq_scheduler.scheduler import run_scheduler

log = logging.getLogger(__name__)


@click.command()
@flags.option("database_url", help="PostgreSQL to work on; without one the embedded PostgreSQL is used.")
@flags.option("scheduler_interval", help="Longest sleep between two looks, in seconds.")
@flags.option(
    "cleanup_interval",
    help="Seconds between two deletions of finished tasks past their time to live; 0 is off.",
)
@flags.option("data_dir", help="Directory of the embedded database.")
@flags.option("pg_bin", help="Directory of the PostgreSQL programs for the embedded database.")
@flags.option("log_level", help="Least severe log lines to write.")
@flags.option("json_log", help="Write log lines as JSON objects.")
def scheduler(**given: object) -> None:
    """See to delayed and expired tasks and to the tables. Any number may run."""
    with explained():
        settings = load_settings(os.environ, **given)
        configure_logging(settings.log_level, as_json=settings.json_log)
        with database(settings) as url:
            try:
                prepare_schema(url, migrates=False)
            except DatabaseUnavailable as error:
                log.warning("the database is away, waiting for it: %s", error)
            uvloop.run(_serve(msgspec.structs.replace(settings, database_url=url)))


def main() -> None:
    """The console script."""
    scheduler()


async def _serve(settings: Settings) -> None:
    with stop_signals() as signals:
        log.info("scheduler started")
        await run_scheduler(settings, signals.asked)
    log.info("stopped")


if __name__ == "__main__":
    main()
