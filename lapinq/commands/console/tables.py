"""Lists: a table with headings and colours on a terminal, and aligned lines without them for programs."""

import sys
from collections.abc import Sequence

import click

from lapinq.commands.console.api import Answer
from lapinq.commands.console.terminal import plain

limit_flag = click.option(
    "--limit",
    "-l",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Maximum number to show.",
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
        self.is_empty = True

    def print(self, rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        cells = [
            ["" if cell is None else plain(str(cell)).replace("\n", " ") for cell in row] for row in rows
        ]
        longest = [max(len(row[column]) for row in cells) for column in range(len(self._widths))]
        self._widths = [max(both) for both in zip(self._widths, longest, strict=True)]
        if sys.stdout.isatty():
            _print_rich(self._headings, cells, self._widths, has_header=self.is_empty)
        else:
            for row in cells:
                padded = (f"{cell:<{width}}" for cell, width in zip(row, self._widths, strict=True))
                click.echo("  ".join(padded).rstrip())
        self.is_empty = False


def print_more(found: Answer) -> None:
    """Says that a list goes on after `limit_flag`, if it does."""
    if found.next_cursor is not None:
        click.echo("there are more; raise --limit to see them")


def _print_rich(
    headings: Sequence[str], cells: Sequence[Sequence[str]], widths: Sequence[int], *, has_header: bool
) -> None:
    from rich.console import Console
    from rich.table import Column
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(highlight=False)
    fits = sum(widths) + 2 * len(widths) <= console.width
    # The first column has ids to copy: it stays whole where others wrap.
    columns = [
        Column(
            heading,
            min_width=width if fits else None,
            no_wrap=not n and width <= console.width // 2,
            overflow="fold",
        )
        for n, (heading, width) in enumerate(zip(headings, widths, strict=True))
    ]
    table = RichTable(*columns, box=None, pad_edge=False, header_style="bold", show_header=has_header)
    for row in cells:
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    console.print(table)
