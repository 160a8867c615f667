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
    if not rows:
        click.echo(nothing, err=True)
        return
    cells = [["" if cell is None else plain(str(cell)).replace("\n", " ") for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(headings, cells)
        return
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def print_more(found: Answer) -> None:
    """Says that a list goes on after `limit_flag`, if it does."""
    if found.next_cursor is not None:
        click.echo("there are more; raise --limit to see them")


def _print_rich(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in cells:
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    Console(highlight=False).print(table)
