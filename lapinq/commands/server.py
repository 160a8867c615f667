"""`lapinq server`: the HTTP service, with a worker and a scheduler in the same process if asked to."""

import os
import sys
from functools import partial

import click

from lapinq.server import embedded_services
from lapinq_api.cli import run, serving_flags
from lapinq_core.db.startup import explained
from lapinq_core.declaring import declared_in
from lapinq_core.importing import prepare_imports
from lapinq_core.runtime import flags
from lapinq_core.runtime.reexec import make_reexec
from lapinq_core.runtime.settings import load_settings


@click.command()
@serving_flags
@flags.option("worker", help="Run a worker in this process.")
@flags.option("worker_concurrency", help="Most tasks that worker runs at once.")
@click.option("--concurrency", type=int, help="The same, by its older name.")
@flags.option("worker_poll_interval", help="Seconds between two looks at the queue while nothing wakes it.")
@flags.option("worker_timeout", help="Time limit in seconds of a task that brings none of its own.")
@flags.option(
    "time_limit_grace", help="Seconds between telling a task that its time is over and ending it by force."
)
@flags.option("cancel_grace", help="Seconds a running task gets to end by itself when it is cancelled.")
@flags.option("worker_pool", help="Where plain functions run.")
@flags.option(
    "worker_max_memory",
    help="Most resident memory of a child process, such as 512M; the task that takes it beyond fails.",
)
@flags.option(
    "worker_max_tasks_per_child", help="Tasks after which a child process is replaced by a new one."
)
@flags.option("max_result_size", help="Largest result of a task as JSON, in bytes or such as 64M.")
@flags.option(
    "worker_queues",
    "--worker-queues",
    "--queue",
    help="Queue to serve, NAME or NAME=WEIGHT; may be repeated.",
)
@flags.option(
    "worker_strict_order",
    help="Serve the queues in the order named: one only while those before it are empty.",
)
@flags.option("worker_imports", "--import", help="Module to import at the start; may be repeated.")
@flags.option(
    "worker_middleware",
    help="Middleware around every task, as module:name; may be repeated, the first is outermost.",
)
@flags.option("worker_rates", help="Log the rates once a minute; by default only on a terminal.")
@flags.option(
    "cleanup_interval",
    help="Seconds between two deletions of finished tasks past their time to live; 0 is off.",
)
@flags.option(
    "keep",
    help="How long ended tasks are kept: 30d, or failed=90d for one status; audit=52w for the audit log. May be"
    " repeated; for ever by default.",
)
@flags.option("scheduler", help="Run the scheduler in this process.")
@flags.option(
    "schedule_modules",
    "--schedules",
    help="Module whose declared schedules that scheduler stores at the start; may be repeated.",
)
@flags.option("scheduler_interval", help="Longest sleep of the scheduler between two looks, in seconds.")
def server(concurrency: int | None, **given: object) -> None:
    """Serve the API and the dashboard; with --worker run tasks too.

    The database is brought up to date at the start. SIGTERM or Ctrl-C lets requests and running tasks finish;
    a second one ends it now.
    """
    with explained():
        if given["worker_concurrency"] is None:
            given["worker_concurrency"] = concurrency
        settings = load_settings(os.environ, **given)
        if settings.worker:
            from lapinq_worker.claiming.queue_settings import choice_of  # of no use without a worker

            choice_of(settings)  # which says what is wrong with them
            prepare_imports(settings.worker_imports)
        if settings.scheduler:
            declared_in(settings.schedule_modules)  # which says what is wrong with them
        sys.exit(run(settings, partial(embedded_services, reexec=make_reexec()), migrates=True))
