"""The command line. Each command is imported when it is used, so that `lapinq --help` is quick."""

import click

from lapinq_core.command_line.commands import version_flag
from lapinq_core.command_line.lazy_group import Lazy, LazyGroup

_COMMANDS = {
    "Run it": {
        "server": Lazy(
            "lapinq.commands.server:server",
            "Serve the API and the dashboard, with a worker if requested.",
        ),
        "worker": Lazy("lapinq.commands.worker:worker", "Run tasks; list, quiet and stop workers."),
        "scheduler": Lazy(
            "lapinq_scheduler.cli:scheduler",
            "Fire schedules, deliver webhooks and run maintenance.",
        ),
    },
    "Work with it": {
        "top": Lazy("lapinq.commands.top.command:top", "Live view, with keyboard commands."),
        "task": Lazy("lapinq.commands.tasks.group:task", "List, show, enqueue, await and change tasks."),
        "workflow": Lazy(
            "lapinq.commands.workflow:workflow", "List, show, watch, cancel and retry workflows."
        ),
        "queue": Lazy("lapinq.commands.queue:queue", "List, show, limit, pause, resume and empty queues."),
        "limit": Lazy(
            "lapinq.commands.limit:limit", "List, show, set, open and delete limits that queues share."
        ),
        "breaker": Lazy(
            "lapinq.commands.breaker:breaker", "List, set, close and remove circuit breakers of tasks."
        ),
        "functions": Lazy(
            "lapinq.commands.functions:functions", "List task functions by what they run, fail and cost."
        ),
        "registered": Lazy("lapinq.commands.registered:registered", "List the tasks that workers know."),
        "schedule": Lazy("lapinq.commands.schedule:schedule", "List, show, pause and run schedules."),
        "apply": Lazy(
            "lapinq.commands.apply:apply", "Store the schedules and limits that a module or a file declares."
        ),
        "bulk": Lazy(
            "lapinq.commands.bulk:bulk", "List, show and stop changes to many tasks in the background."
        ),
        "webhook": Lazy("lapinq.commands.webhook:webhook", "List, show and resend webhooks."),
    },
    "Manage it": {
        "user": Lazy(
            "lapinq.commands.people.user:user", "List, add, change and delete the users of the dashboard."
        ),
        "key": Lazy("lapinq.commands.people.key:key", "Create, list and delete named API keys."),
        "audit": Lazy("lapinq.commands.people.audit:audit", "List changes by users, keys and commands."),
        "doctor": Lazy(
            "lapinq.commands.doctor:doctor", "Check the set-up, and say how to fix what is wrong."
        ),
        "api": Lazy("lapinq.commands.api:api", "Call any path of the HTTP API."),
        "health": Lazy("lapinq.commands.health:health", "Check whether a daemon on this machine is healthy."),
    },
    "Set up": {
        "init": Lazy("lapinq.commands.init:init", "Create a small project that runs."),
        "completion": Lazy("lapinq.commands.completion:completion", "Print a shell's completion script."),
    },
    "Database": {
        "migrate": Lazy("lapinq.commands.migrate:migrate", "Migrate the database's schema."),
        "db": Lazy("lapinq.commands.db:db", "Start, stop and use the embedded PostgreSQL."),
    },
}

_MEANT = {
    **dict.fromkeys(
        ("add", "call", "create", "enqueue", "new", "publish", "push", "send", "submit"), "task enqueue"
    ),
    **{
        word: f"task {word}" for word in ("cancel", "delete", "get", "list", "logs", "requeue", "wait", "why")
    },
    "show": "task get",
    "retry": "task requeue",
    "result": "task wait",
    **{word: f"queue {word}" for word in ("pause", "purge", "resume")},
    "clear": "queue purge",
    "stop": "worker stop",
    **dict.fromkeys(("beat", "cron"), "scheduler"),
    "run": "worker",
    **dict.fromkeys(("dashboard", "serve", "start", "up", "web"), "server"),
    **dict.fromkeys(("info", "ps", "stats", "status"), "top"),
    **dict.fromkeys(("init-db", "upgrade"), "migrate"),
    **dict.fromkeys(("psql", "shell"), "db psql"),
    **{word: f"--{word}" for word in ("help", "version")},
}


@click.group(cls=LazyGroup, lazy=_COMMANDS, meant=_MEANT, old={"fleet": "worker"})
@version_flag("lapinq")
def cli() -> None:
    """A task queue on PostgreSQL."""


def main() -> None:
    """The console script and `python -m lapinq`."""
    cli(prog_name="lapinq")
