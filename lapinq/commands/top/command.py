"""The command `lapinq top`."""

import sys
from contextlib import suppress
from urllib.parse import urlsplit

import click
from rich.console import Console

from lapinq.commands.console.api import Api, api_flags, place_of, reached
from lapinq.commands.output.json_output import json_flag, print_json
from lapinq.commands.top.looking import Looking
from lapinq.commands.top.panes import Seen
from lapinq.commands.top.picture import whole_picture
from lapinq_core.command_line.commands import Command
from lapinq_core.db.startup import explained

_MAX_MINUTES = 60


@click.command(cls=Command)
@click.option(
    "--interval",
    "-i",
    metavar="SECONDS",
    type=click.FloatRange(0.2, 3600),
    default=2.0,
    show_default=True,
    help="Time between two updates.",
)
@click.option(
    "--minutes",
    "-m",
    metavar="MINUTES",
    type=click.IntRange(1, _MAX_MINUTES),
    default=5,
    show_default=True,
    help=f"Time that rates and percentiles cover, at most {_MAX_MINUTES}.",
)
@click.option("--queue", "-q", metavar="NAME", help="Show only this queue.")
@click.option("--once", is_flag=True, help="Print the view once and exit. The default without a terminal.")
@json_flag
@api_flags
def top(interval: float, minutes: int, queue: str | None, once: bool, as_json: bool, **given: object) -> None:
    """Live view of rates, waiting times, queues, workers and the longest running tasks.

    On a terminal it keeps updating, and keys pause queues, quiet workers, and cancel or requeue tasks: ? lists them.
    """
    looking = Looking(minutes=minutes, queue=queue)
    with reached(given) as api:
        if as_json:
            print_json(looking.overview(api))
        elif once or not _is_interactive():
            _print(Seen(overview=looking.overview(api).value))
        else:
            _watch(api, looking, _place(given), interval)


def _watch(api: Api, looking: Looking, place: str, interval: float) -> None:
    from lapinq.commands.top.watching import watch

    with suppress(KeyboardInterrupt):
        watch(api, looking, place, interval)


def _is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and not Console().is_dumb_terminal


def _print(seen: Seen) -> None:
    console = Console(highlight=False)
    for line in whole_picture(seen, console.width if sys.stdout.isatty() else None):
        console.print(line, no_wrap=True, overflow="ignore", crop=False)


def _place(given: dict[str, object]) -> str:
    """The server or the database, without what may be secret in its URL."""
    with explained():
        _, server = place_of(given)
    if server is None:
        return "on the database"
    address = urlsplit(server)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path.rstrip('/')}"
