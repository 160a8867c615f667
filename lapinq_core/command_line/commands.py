"""The classes of all commands: `@click.command(cls=Command)` and `@click.group(cls=Group)`.

A command of a group gets its class from the group, so `@group.command()` is enough.
"""

from collections.abc import Callable
from typing import Any

import click

from lapinq_core.command_line.help_page import Context
from lapinq_core.command_line.sections import write_options
from lapinq_core.domain.version import __version__


class Command(click.Command):
    context_class = Context

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_options(self, ctx, formatter)


class Group(click.Group):
    context_class = Context
    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of the code, not of the alphabet

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)


def version_flag(program: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--version` and `-V` of a program."""
    return click.version_option(__version__, "--version", "-V", prog_name=program)


Group.group_class = Group
