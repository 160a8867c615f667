"""The command line. Each command is imported when it is used, so that `lapinq --help` is quick."""

import importlib

import click

from lapinq.version import __version__

_COMMANDS = {
    "server": (
        "lapinq.commands.server:server",
        "Serve the API and the dashboard, with a worker if requested.",
    ),
    "worker": ("lapinq_worker.cli:worker", "Run tasks."),
    "scheduler": (
        "lapinq_scheduler.cli:scheduler",
        "Fire schedules, deliver webhooks and run maintenance.",
    ),
    "task": ("lapinq.commands.task:task", "List, show, cancel and requeue tasks."),
    "schedule": ("lapinq.commands.schedule:schedule", "List, show, apply, pause and run schedules."),
    "fleet": ("lapinq.commands.fleet:fleet", "List, quiet, resume and stop workers."),
    "user": ("lapinq.commands.user:user", "List, add, change and delete the users of the dashboard."),
    "key": ("lapinq.commands.key:key", "Create, list and delete named API keys."),
    "health": ("lapinq.commands.health:health", "Ask whether a daemon on this machine is healthy."),
    "migrate": ("lapinq.commands.migrate:migrate", "Migrate the database's schema."),
    "db": ("lapinq.commands.db:db", "Start, stop and use the embedded PostgreSQL."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        return getattr(importlib.import_module(module), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup)
@click.version_option(__version__, prog_name="lapinq")
def cli() -> None:
    """A task queue on PostgreSQL."""


def main() -> None:
    """The console script and `python -m lapinq`."""
    cli(prog_name="lapinq")
