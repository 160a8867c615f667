"""The flags of a worker. `lapinq worker list` needs them too, and nothing else from here."""

import click

from lapinq_core.command_line.sections import section
from lapinq_core.runtime import flags

worker_flags = flags.group(
    section(
        "Queues",
        flags.option("worker_queues", "--queue", "-q"),
        flags.option("worker_strict_order", "--strict-order"),
        flags.option("worker_poll_interval", "--poll-interval"),
    ),
    section(
        "Code",
        flags.option("worker_imports", "--import"),
        flags.option("worker_middleware", "--middleware"),
        flags.option("allowed_modules"),
        click.option(
            "--reload",
            "reloads",
            is_flag=True,
            help="For development: restart whenever a Python file changes.",
        ),
    ),
    section(
        "Running tasks",
        flags.option("worker_concurrency", "--concurrency", "-c"),
        flags.option("worker_pool", "--pool"),
        flags.option("worker_max_memory", "--max-memory"),
        flags.option("worker_max_tasks_per_child", "--max-tasks-per-child"),
        flags.option("max_result_size"),
    ),
    section(
        "Time limits",
        flags.option("worker_timeout", "--task-timeout"),
        flags.option("time_limit_grace"),
        flags.option("cancel_grace"),
        flags.option("shutdown_grace"),
    ),
    section(
        "The worker",
        flags.option("worker_name", "--name"),
        flags.option("worker_release", "--release"),
        click.option("--drain", is_flag=True, help="Exit when the queues are empty."),
        flags.option("cleanup_interval"),
    ),
    flags.metrics(),
    flags.database("PostgreSQL to use"),
    flags.logging(
        flags.option("worker_task_log", "--task-log"),
        flags.option("worker_rates", "--rates"),
    ),
)
