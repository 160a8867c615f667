"""A group whose commands are imported when they are used, so that its help and completion are quick."""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from lapinq_core.command_line.commands import Group
from lapinq_core.command_line.old_names import warn


class Lazy(NamedTuple):
    """A command that is not imported yet."""

    place: str
    """`package.module:name`"""
    text: str
    """What the help of the group says of it."""


class LazyGroup(Group):
    """`lazy` has the commands by heading and name, in the order in which the help shows them.

    `old` are groups that are now part of another one: their new names, by old name.
    """

    def __init__(
        self,
        *args: Any,
        lazy: Mapping[str, Mapping[str, Lazy]],
        old: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.lazy = lazy
        self.old = old or {}
        self._by_name = {name: each for section in lazy.values() for name, each in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._by_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._by_name:
            return None
        module, _, name = self._by_name[cmd_name].place.partition(":")
        return getattr(importlib.import_module(module), name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in self.old:
            new = self.old[args[0]]
            warn(f"`{ctx.command_path} {args[0]}`", f"`{ctx.command_path} {new}`")
            has_command = len(args) > 1 and not args[1].startswith("-")
            args = [
                new,
                *(args[1:] if has_command else ["--help"]),
            ]  # the new group may do something by itself
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(name) for name in self._by_name)
        for heading, commands in self.lazy.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:<{width}}", each.text) for name, each in commands.items()])

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> "list[CompletionItem[str]]":  # subscriptable since click 8.5
        names = [
            CompletionItem(name, help=each.text)
            for name, each in self._by_name.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]
