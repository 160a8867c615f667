"""The flags of a worker. `lapinq worker list` needs them too, and nothing else from here."""

import click

from lapinq_core.command_line.sections import section
from lapinq_core.runtime import flags

worker_flags = flags.group(
    section(
        "Queues",
        flags.option(
            "worker_queues",
            "--queue",
            "-q",
            help="Queue to serve, NAME or NAME=WEIGHT. Repeatable; all by default.",
        ),
        flags.option(
            "worker_strict_order",
            "--strict-order",
            help="Serve the queues strictly in the order given: a queue only while all before it are empty.",
        ),
        flags.option(
            "worker_poll_interval",
            "--poll-interval",
            help="Seconds between two polls while the worker is idle and no notification wakes it.",
        ),
    ),
    section(
        "Code",
        flags.option("worker_imports", "--import", help="Module to import at startup. Repeatable."),
        flags.option(
            "worker_middleware",
            "--middleware",
            help="Middleware around every task, as module:name. Repeatable; the first is outermost.",
        ),
        flags.option("allowed_modules", help="Glob pattern of modules that tasks may come from. Repeatable."),
        click.option(
            "--reload",
            "reloads",
            is_flag=True,
            help="For development: restart whenever a Python file changes.",
        ),
    ),
    section(
        "Running tasks",
        flags.option(
            "worker_concurrency", "--concurrency", "-c", help="Maximum tasks to run at the same time."
        ),
        flags.option("worker_pool", "--pool", help="Where functions run that are not coroutines."),
        flags.option(
            "worker_max_memory",
            "--max-memory",
            help="Memory limit of a child process (resident), such as 512M. A task that exceeds it fails.",
        ),
        flags.option(
            "worker_max_tasks_per_child",
            "--max-tasks-per-child",
            help="Replace a child process after this many tasks.",
        ),
        flags.option(
            "max_result_size",
            help="Maximum size of a result as JSON, in bytes or such as 64M. A task that returns more fails.",
        ),
    ),
    section(
        "Time limits",
        flags.option("worker_timeout", "--task-timeout", help="Default time limit of a task, in seconds."),
        flags.option(
            "time_limit_grace",
            help="Seconds that a task has to end after its time limit, before it is ended by force.",
        ),
        flags.option(
            "cancel_grace",
            help="Seconds that a cancelled task has to end, before it is ended by force.",
        ),
        flags.option("shutdown_grace", help="Grace period of running tasks at shutdown, in seconds."),
    ),
    section(
        "The worker",
        flags.option("worker_name", "--name", help="Name of this worker in lists."),
        flags.option(
            "worker_release",
            "--release",
            help="Release of your code, such as a version. Workers and errors are shown with it.",
        ),
        click.option("--drain", is_flag=True, help="Exit when the queues are empty."),
        flags.option(
            "cleanup_interval",
            help="Seconds between deletions of ended tasks whose time to live is over; 0 is off.",
        ),
    ),
    flags.metrics(),
    flags.database("PostgreSQL to use"),
    flags.logging(
        flags.option(
            "worker_task_log", "--task-log", help="Log when each task starts and completes; on by default."
        ),
        flags.option(
            "worker_rates", "--rates", help="Log the rates once a minute; by default only on a terminal."
        ),
    ),
)
