"""The base of the commands: runs a command of lapinq, with its own flags, on a database of the project."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

import click
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from lapinq.contrib.django.configured import lapinq_aliases
from lapinq.contrib.django.databases import database_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.management.base import CommandParser

_DATABASE_HELP = (
    "\nmanage.py also takes --database ALIAS: by default, the database of lapinq's backends in TASKS."
)


class DaemonCommand(BaseCommand):
    """Django's own options are taken out of the command line; the rest are for the command of lapinq."""

    def daemon(self) -> click.Command:
        """The command of lapinq."""
        raise NotImplementedError

    def prepare(self, flags: dict[str, Any]) -> None:
        """Changes the flags of the command. One that is not given is None."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # --help is that of lapinq's command.
        parser = super().create_parser(prog_name, subcommand, add_help=False, allow_abbrev=False, **kwargs)

        def parse_args(args: Sequence[str] | None = None, namespace: None = None) -> Namespace:
            known, rest = parser.parse_known_args(args, namespace)
            return Namespace(**vars(known), args=rest, usage=parser.prog)

        parser.parse_args = parse_args  # pyright: ignore[reportAttributeAccessIssue]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database")

    def print_help(self, prog_name: str, subcommand: str) -> None:
        self._run([f"{prog_name} {subcommand}", "--help"], None)

    def handle(self, *args: str, **options: Any) -> None:
        self._run([options.get("usage") or "", *args], options["database"])

    def _run(self, command_line: Sequence[str], alias: str | None) -> None:
        usage, *args = command_line
        daemon = self.daemon()
        try:
            with daemon.make_context(usage, args) as context:
                flags = context.params
                if flags["database_url"] is None:
                    flags["database_url"] = _url(alias)
                self.prepare(flags)
                # A program that runs for long starts without what the checks left open.
                connections.close_all()
                context.invoke(daemon, **flags)
        except click.exceptions.Exit as stop:
            if {"-h", "--help"} & {*args}:
                click.echo(_DATABASE_HELP)
            sys.exit(stop.exit_code)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)


def _url(alias: str | None) -> str:
    try:
        return database_url(alias or _only_alias())
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from error


def _only_alias() -> str:
    aliases = lapinq_aliases()
    if len(aliases) == 1:
        return aliases[0]
    if aliases:
        raise CommandError(f"TASKS uses several databases ({', '.join(aliases)}): choose one with --database")
    raise CommandError("no backend in TASKS is lapinq's, and the default database is no PostgreSQL")


def check_settings_module() -> None:
    """Child processes load the project by it. Raises CommandError."""
    if settings.SETTINGS_MODULE is None:  # pyright: ignore[reportUnnecessaryComparison]  # after settings.configure()
        raise CommandError(
            "settings must be a module: a worker's child processes load it by DJANGO_SETTINGS_MODULE"
        )
