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
    flags.option("worker", help="Run a worker in this process."),
    flags.option("worker_imports", "--import", help="Module to import at startup. Repeatable."),
    flags.option(
        "worker_queues",
        "--worker-queues",
        "--queue",
        help="Queue to serve, NAME or NAME=WEIGHT. Repeatable; all by default.",
    ),
    flags.option(
        "worker_strict_order",
        help="Serve the queues strictly in the order given: a queue only while all before it are empty.",
    ),
    flags.option("worker_concurrency", help="Maximum number of tasks that the worker runs at the same time."),
    click.option("--concurrency", type=int, help="Older name of --worker-concurrency."),
    flags.option("worker_pool", help="Where functions run that are not coroutines."),
    flags.option("worker_timeout", help="Default time limit of a task, in seconds."),
    flags.option(
        "time_limit_grace",
        help="Seconds that a task has to end after its time limit, before it is ended by force.",
    ),
    flags.option(
        "cancel_grace", help="Seconds that a cancelled task has to end, before it is ended by force."
    ),
    flags.option(
        "worker_middleware",
        help="Middleware around every task, as module:name. Repeatable; the first is outermost.",
    ),
    flags.option(
        "worker_poll_interval",
        help="Seconds between two polls while the worker is idle and no notification wakes it.",
    ),
    flags.option(
        "worker_max_memory",
        help="Memory limit of a child process (resident), such as 512M. A task that exceeds it fails.",
    ),
    flags.option("worker_max_tasks_per_child", help="Replace a child process after this many tasks."),
    flags.option(
        "max_result_size",
        help="Maximum size of a result as JSON, in bytes or such as 64M. A task that returns more fails.",
    ),
    flags.option("worker_task_log", help="Log when each task starts and completes; on by default."),
    flags.option("worker_rates", help="Log the rates once a minute; by default only on a terminal."),
)
@section(
    "The scheduler in this process",
    flags.option("scheduler", help="Run the scheduler in this process."),
    flags.option(
        "schedule_modules",
        "--schedules",
        help="Module whose declared schedules the scheduler stores at startup. Repeatable.",
    ),
    flags.option(
        "scheduler_interval", help="Maximum number of seconds between two checks for due schedules."
    ),
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
        if settings.scheduler and runs_services:
            declared_in(settings.schedule_modules, "server")  # fails if they are invalid
        sys.exit(run(settings, partial(embedded_services, reexec=make_reexec()), own, migrates=True))
