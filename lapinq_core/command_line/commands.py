"""The classes of all commands: `@click.command(cls=Command)` and `@click.group(cls=Group)`.

A command of a group gets its class from the group, so `@group.command()` is enough.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from lapinq_core.command_line.help_page import Context
from lapinq_core.command_line.old_names import with_new_flags
from lapinq_core.command_line.sections import write_options
from lapinq_core.domain.nearest import nearest
from lapinq_core.domain.version import __version__


class _WithNearestChoice(click.Command):
    """Answers a wrong choice with the nearest, as click does for commands and options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter:
            raise
        except click.BadParameter as error:
            if error.param is None or not isinstance(error.param.type, click.Choice):
                raise
            wrong = error.message.partition(" is not one of ")[0].strip("'")
            similar = _similar(wrong, error.param.type.choices)
            raise click.BadParameter(error.message + similar, error.ctx, error.param) from error


class Command(_WithNearestChoice):
    context_class = Context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_new_flags(self, ctx, args))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_options(self, ctx, formatter)


class Group(_WithNearestChoice, click.Group):
    """`meant` has the commands that people look for under other words, by these: without the program's name."""

    context_class = Context
    command_class = Command

    def __init__(self, *args: Any, meant: Mapping[str, str] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.meant = meant or {}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            word = error.command_name
            if word in self.meant:
                told = f"{error.message} Did you mean `{ctx.find_root().command_path} {self.meant[word]}`?"
                raise click.NoSuchCommand(word, told, ctx=ctx) from None
            raise click.NoSuchCommand(word, possibilities=self.list_commands(ctx), ctx=ctx) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        # In the order of the code, not of the alphabet.
        return [name for name, command in self.commands.items() if not command.hidden]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)  # click takes away what it has parsed
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if self.invoke_without_command or set(given).isdisjoint(self.list_commands(ctx)):
                raise
            where = f"Flags go after the command: {ctx.command_path} COMMAND {error.option_name}"
            raise click.NoSuchOption(error.option_name, f"{error.message} {where}", ctx=ctx) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)


def _similar(wrong: str, choices: Iterable[object]) -> str:
    meant = nearest(wrong, map(str, choices))
    return "" if meant is None else f" Did you mean {meant!r}?"


def version_flag(program: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--version` and `-V` of a program."""
    return click.version_option(__version__, "--version", "-V", prog_name=program)


Group.group_class = Group
