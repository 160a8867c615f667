"""A group whose commands are imported when they are used, so that its help and completion are quick."""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from lapinq_core.command_line.commands import Group


class Lazy(NamedTuple):
    """A command that is not imported yet."""

    place: str
    """`package.module:name`"""
    text: str
    """What the help of the group says of it."""


class LazyGroup(Group):
    """`lazy` has the commands by heading and name, in the order in which the help shows them."""

    def __init__(self, *args: Any, lazy: Mapping[str, Mapping[str, Lazy]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.lazy = lazy
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
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # click looks for similar names among those it has imported
            raise click.NoSuchCommand(error.command_name, possibilities=self._by_name, ctx=ctx) from None

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
