"""`lapinq-scheduler` and `lapinq scheduler`."""

import asyncio
import logging
import os
from collections.abc import Sequence

import click
import msgspec
import uvloop

from lapinq_core.command_line.commands import Command, version_flag
from lapinq_core.command_line.sections import section
from lapinq_core.db.startup import database, explained, wait_for_schema
from lapinq_core.monitoring import catalogue
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.monitoring.metrics_server import serving_metrics
from lapinq_core.monitoring.probes import Probes
from lapinq_core.runtime import flags
from lapinq_core.runtime.logs import configure_logging
from lapinq_core.runtime.settings import Settings, load_settings
from lapinq_core.runtime.signals import stop_signals
from lapinq_core.runtime.unknown_variables import warn_of_unknown_variables
from lapinq_core.schedules.comparing import Wanted, WantedRule
from lapinq_scheduler.cron import run_cron
from lapinq_scheduler.registering import declarations
from lapinq_scheduler.scheduler import run_scheduler
from lapinq_scheduler.webhooks.deliveries import run_deliveries

STUCK_SECONDS = 60.0
"""Nothing blocks this event loop for long. If it has not turned for this time, it is stuck."""
LAG_SECONDS = 90.0
"""Longer than the deadline of one pass (`lapinq_core.runtime.loops`)."""

log = logging.getLogger(__name__)


@click.command(cls=Command)
@section(
    "Schedules",
    flags.option("schedule_modules", "--schedules"),
    flags.option("scheduler_interval"),
)
@flags.maintenance()
@flags.metrics()
@flags.database("PostgreSQL to use")
@flags.logging()
@version_flag("lapinq-scheduler")
def scheduler(**given: object) -> None:
    """Fire schedules, deliver webhooks and run maintenance. Any number may run."""
    with explained():
        settings = load_settings(os.environ, **given)
        configure_logging(settings.log_level, as_json=settings.json_log)
        warn_of_unknown_variables(os.environ)
        wanted = declarations(settings.schedule_modules)
        metrics, probes = Metrics(), Probes(STUCK_SECONDS)
        with serving_metrics(settings, metrics, probes), database(settings) as url:
            uvloop.run(_serve(msgspec.structs.replace(settings, database_url=url), metrics, probes, wanted))


def main() -> None:
    """The console script."""
    scheduler()


async def _serve(
    settings: Settings, metrics: Metrics, probes: Probes, wanted: Sequence[Wanted | WantedRule]
) -> None:
    assert settings.database_url is not None
    with stop_signals() as signals, probes.beating():
        await wait_for_schema(settings.database_url, signals.asked)
        probes.started(lambda: "it is stopping" if signals.asked.is_set() else _lagging_loop(metrics))
        log.info("scheduler started")
        async with asyncio.TaskGroup() as group:
            group.create_task(run_scheduler(settings, signals.asked, metrics), name="scheduler")
            group.create_task(run_cron(settings, signals.asked, metrics, wanted), name="fire schedules")
            group.create_task(run_deliveries(settings, signals.asked, metrics), name="deliver webhooks")
    log.info("stopped")


def _lagging_loop(metrics: Metrics) -> str | None:
    """The maintenance job that is furthest behind, as a reason for not being ready; None while all are on time."""
    lags = [
        (sample.value, sample.labels["chore"])
        for family in metrics.collect()
        if family.name == catalogue.CHORE_LAG.name
        for sample in family.samples
    ]
    lag, chore = max(lags, default=(0.0, ""))
    return f"{chore!r} is {lag:.0f} s behind" if lag > LAG_SECONDS else None


if __name__ == "__main__":
    main()
