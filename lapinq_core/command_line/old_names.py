"""Names of flags and groups that have changed. The old ones work for a release, and say what the new ones are."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., object])

_OLD_FLAGS = "__lapinq_old_flags__"


def old_flags(new_names: Mapping[str, str]) -> Callable[[Decorated], Decorated]:
    """Lets a command take flags by their old names, too: `new_names` by old name, with dashes."""

    def decorate(function: Decorated) -> Decorated:
        setattr(function, _OLD_FLAGS, {**getattr(function, _OLD_FLAGS, {}), **new_names})
        return function

    return decorate


def with_new_flags(command: click.Command, args: list[str]) -> list[str]:
    """`args` with the new names of flags. Says so once for each old one."""
    new_names: dict[str, str] = getattr(command.callback, _OLD_FLAGS, {})
    renamed: list[str] = []
    old: dict[str, None] = {}
    for place, arg in enumerate(args):
        if arg == "--":
            renamed += args[place:]
            break
        name, equals, value = arg.partition("=")
        if name in new_names:
            old[name] = None
            name = new_names[name]
        renamed.append(f"{name}{equals}{value}")
    for name in old:
        warn(name, new_names[name])
    return renamed


def warn(old: str, new: str) -> None:
    """Says on standard error that `old` has become `new`."""
    click.echo(f"Warning: {old} is now {new}; the next release no longer takes the old name", err=True)
