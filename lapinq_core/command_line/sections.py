"""Sections of a help page: flags under a heading of their own."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Decorator = Callable[[Decorated], Decorated]

_SECTION = "lapinq_section"
_REST = "Options"
_WIDTH = 30


def section(title: str, *options: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """One decorator for `options`, which the help shows below `title` in the order given.

    Sections appear in the order of the decorators; options without one come last.
    """

    def decorate(command: Decorated) -> Decorated:
        for each in reversed(options):
            before = len(_declared(command))
            command = each(command)
            for param in _declared(command)[before:]:
                if not hasattr(param, _SECTION):  # a section inside another one keeps its title
                    setattr(param, _SECTION, title)
        return command

    return decorate


def write_options(command: click.Command, ctx: click.Context, page: click.HelpFormatter) -> None:
    """Writes the options of `command`, section by section, with their texts in one column."""
    found: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None and isinstance(param, click.Option):
            found.setdefault(getattr(param, _SECTION, _REST), []).append(record)
    if _REST in found:
        found[_REST] = found.pop(_REST)
    width = min(_WIDTH, max((len(term) for rows in found.values() for term, _ in rows), default=0))
    for title, rows in found.items():
        with page.section(title):
            page.write_dl([(f"{term:<{width}}", text) for term, text in rows])


def _declared(command: Callable[..., Any]) -> list[click.Parameter]:
    """The parameters that click's decorators have left on `command` so far."""
    return getattr(command, "__click_params__", [])
