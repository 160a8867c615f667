"""`lapinq server`: the HTTP service, with a worker and a scheduler in the same process if requested."""

import os
import sys
from functools import partial

import click

from lapinq.server import embedded_services
from lapinq_api.cli import run, serving_flags
from lapinq_api.serving.share import read_share
from lapinq_core.command_line.commands import Command
from lapinq_core.command_line.sections import section
from lapinq_core.db.startup import explained
from lapinq_core.declaring import declared_in
from lapinq_core.importing import prepare_imports
from lapinq_core.runtime import flags
from lapinq_core.runtime.reexec import make_reexec
from lapinq_core.runtime.settings import load_settings


@click.command(cls=Command)
@serving_flags
@section(
    "The worker in this process",
    flags.option("worker"),
    flags.option("worker_imports", "--import"),
    flags.option("worker_queues", "--worker-queues", "--queue"),
    flags.option("worker_strict_order"),
    flags.option("worker_concurrency"),
    click.option("--concurrency", type=int, help="Older name of --worker-concurrency."),
    flags.option("worker_pool"),
    flags.option("worker_timeout"),
    flags.option("time_limit_grace"),
    flags.option("cancel_grace"),
    flags.option("worker_middleware"),
    flags.option("worker_poll_interval"),
    flags.option("worker_max_memory"),
    flags.option("worker_max_tasks_per_child"),
    flags.option("max_result_size"),
    flags.option("worker_task_log"),
    flags.option("worker_rates"),
)
@section(
    "The scheduler in this process",
    flags.option("scheduler"),
    flags.option("schedule_modules", "--schedules"),
    flags.option("scheduler_interval"),
)
@flags.maintenance()
@flags.database("PostgreSQL to use")
@flags.logging()
def server(concurrency: int | None, share: str | None, **given: object) -> None:
    """Migrate the database, then serve the API and the dashboard. With --worker also run tasks.

    SIGTERM or Ctrl-C lets requests and running tasks finish; a second one stops without waiting for them.
    """
    with explained():
        if given["worker_concurrency"] is None:
            given["worker_concurrency"] = concurrency
        settings = load_settings(os.environ, **given)
        own = read_share(share)
        runs_services = settings.api_processes == 1 if own is None else own.runs_services
        if settings.worker and runs_services:
            from lapinq_worker.claiming.queue_settings import choice_of  # not needed without a worker

            choice_of(settings)  # fails if they are invalid
            prepare_imports(settings.worker_imports, "server")
        if settings.schedule_modules and not settings.scheduler:
            click.echo("--schedules has no effect without --scheduler", err=True)
        if settings.scheduler and runs_services:
            declared_in(settings.schedule_modules, "server")  # fails if they are invalid
        sys.exit(run(settings, partial(embedded_services, reexec=make_reexec()), own, migrates=True))
