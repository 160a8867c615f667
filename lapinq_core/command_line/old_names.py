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


def with_new_flags(command: click.Command, ctx: click.Context, args: list[str]) -> list[str]:
    """`args` with the new names of flags. Says so once for each old one.

    Raises `click.UsageError` for an old name beside its new one, of which the last would win.
    """
    new_names: dict[str, str] = getattr(command.callback, _OLD_FLAGS, {})
    renamed: list[str] = []
    old: dict[str, int] = {}
    """How often each is there."""
    for place, arg in enumerate(args):
        if arg == "--":
            renamed += args[place:]
            break
        name, equals, value = arg.partition("=")
        if name in new_names:
            old[name] = old.get(name, 0) + 1
            name = new_names[name]
        renamed.append(f"{name}{equals}{value}")
    if old:
        _, _, given = command.make_parser(ctx).parse_args(list(renamed))
        for name, count in old.items():
            new = new_names[name]
            if sum(new in param.opts for param in given) > count:
                raise click.UsageError(f"give {name} or {new}, not both: {name} is now {new}", ctx)
            warn(name, new)
    return renamed


def warn(old: str, new: str) -> None:
    """Says on standard error that `old` has become `new`."""
    click.echo(f"Warning: {old} is now {new}; the next release no longer takes the old name", err=True)
