"""Lists: a table with headings and colours on a terminal, and aligned lines for programs."""

import shutil
import sys
import uuid
from collections.abc import Sequence

import click

from lapinq.commands.console.api import Answer
from lapinq.commands.output.terminal import plain

limit_flag = click.option(
    "--limit",
    "-l",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Maximum number to show.",
)

_HAS_HEADINGS = "lapinq.headings"


def _remember(ctx: click.Context, _param: click.Parameter, value: bool | None) -> None:
    ctx.meta[_HAS_HEADINGS] = value


headings_flag = click.option(
    "--headings/--no-headings",
    default=None,
    expose_value=False,
    callback=_remember,
    help="Print a line of headings, or none. By default, a terminal gets one.",
)

STYLES = {
    "completed": "green",
    "alive": "green",
    "active": "green",
    "delivered": "green",
    "running": "cyan",
    "failed": "red",
    "dead": "red",
    "given_up": "red",
    "expired": "magenta",
    "cancelled": "magenta",
    "quiet": "yellow",
    "stopping": "yellow",
    "late": "yellow",
    "paused": "yellow",
}
"""How a terminal shows states of tasks, workers, queues and webhooks."""

_TIMED_ID = 18
"""Characters of an id with its whole time (UUIDv7; v8 of a task in a workflow): no two of a process share them."""
_RANDOM_ID = 8
_NARROWEST = 8
"""A column isn't cut to fewer characters."""


class Id(str):
    """A cell with a UUID. A narrow terminal shows its beginning, which commands accept."""

    @property
    def short(self) -> str:
        try:
            version = uuid.UUID(self).version
        except ValueError:
            return self
        return self[: _TIMED_ID if version in (7, 8) else _RANDOM_ID]


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]], nothing: str) -> None:
    """Prints `rows`, one per line; None is an empty cell. `nothing` says on standard error that there are none."""
    if rows:
        Table(headings).print(rows)
    else:
        click.echo(nothing, err=True)


class Table:
    """A table that is printed page by page, under one line of headings. Columns only get wider."""

    def __init__(self, headings: Sequence[str]) -> None:
        self._headings = headings
        self._widths = [0] * len(headings)
        self._has_short_ids = False
        self.is_empty = True

    def print(self, rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        is_terminal = sys.stdout.isatty()
        headings = self._headings if _wants_headings(is_terminal) else ()
        most = shutil.get_terminal_size().columns if is_terminal else sys.maxsize
        cells = [[_text(cell, is_short=self._has_short_ids) for cell in row] for row in rows]
        widths = self._widened(cells, headings)
        if _total(widths) > most and not self._has_short_ids:
            self._has_short_ids = True
            cells = [[_text(cell, is_short=True) for cell in row] for row in rows]
            widths = self._widened(cells, headings)
        self._widths = widths
        shown = headings if self.is_empty else ()
        if is_terminal:
            _print_rich(shown, cells, _cut(widths, most))
        else:
            for row in [shown, *cells] if shown else cells:
                padded = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
                click.echo("  ".join(padded).rstrip())
        self.is_empty = False

    def _widened(self, cells: Sequence[Sequence[str]], headings: Sequence[str]) -> list[int]:
        rows = [*cells, headings] if headings else cells
        return [max(width, *(len(row[n]) for row in rows)) for n, width in enumerate(self._widths)]


def print_more(found: Answer) -> None:
    """Says that a list goes on after `limit_flag`, if it does."""
    if found.next_cursor is not None:
        click.echo("there are more; raise --limit to see them")


def _wants_headings(is_terminal: bool) -> bool:
    ctx = click.get_current_context(silent=True)
    wanted: bool | None = None if ctx is None else ctx.meta.get(_HAS_HEADINGS)
    return is_terminal if wanted is None else wanted


def _text(cell: object, *, is_short: bool) -> str:
    if isinstance(cell, Id) and is_short:
        return cell.short
    return "" if cell is None else plain(str(cell)).replace("\n", " ")


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _cut(widths: Sequence[int], most: int) -> list[int]:
    """Widths that fit into `most` characters, if they can: the widest columns get narrower, except the first, which
    names what the line is about."""
    cut = list(widths)
    while _total(cut) > most:
        widest = max(range(1, len(cut)), key=cut.__getitem__, default=0)
        if cut[widest] <= _NARROWEST:
            break
        cut[widest] -= 1
    return cut


def _print_rich(headings: Sequence[str], cells: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    from rich.console import Console
    from rich.table import Column
    from rich.table import Table as RichTable
    from rich.text import Text

    columns = [
        Column(heading, width=width, no_wrap=True, overflow="ellipsis")
        for heading, width in zip(headings or [""] * len(widths), widths, strict=True)
    ]
    table = RichTable(*columns, box=None, pad_edge=False, header_style="bold", show_header=bool(headings))
    for row in cells:
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    Console(highlight=False).print(table)
