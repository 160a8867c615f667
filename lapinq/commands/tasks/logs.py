"""`lapinq task logs`: what the attempts of a task logged, also while one runs."""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import click

from lapinq.commands.arguments.named import TASK, task_id, whole_id
from lapinq.commands.console.api import Api, api_flags, path, reached
from lapinq.commands.console.failure import Failed, saying
from lapinq.commands.output.json_output import json_flag, json_of
from lapinq.commands.output.terminal import plain
from lapinq_core.command_line.commands import Command

POLL_SECONDS = 0.5
_POLLED = 10
"""Attempts asked for at each poll. More cannot begin in between."""

Attempt = Mapping[str, Any]
"""The API's object."""


@click.command(cls=Command)
@task_id
@click.option("--attempt", "-a", "number", type=click.IntRange(0), help="Only this attempt, from 1.")
@click.option("--follow", "-f", is_flag=True, help="Print new lines until the task has ended.")
@json_flag
@api_flags
def logs(task_id: str, number: int | None, follow: bool, as_json: bool, **given: object) -> None:
    """Print what a task logged, attempt by attempt. ID may be the beginning of its id."""
    if follow and as_json:
        raise click.UsageError("give --follow or --json, not both")
    with reached(given) as api:
        which = whole_id(api, task_id)
        with saying(HTTPStatus.NOT_FOUND, f"no task {which}"):
            found = _attempts(api, which)
            chosen = [one for one in found if number is None or one["attempt"] == number]
            if number is not None and not chosen and not follow:
                raise Failed(f"task {which} has no attempt {number}")
            if as_json:
                click.echo(json_of(chosen))
                return
            printer = _Printer(number)
            printer.print(found)
            while follow and not _has_ended(found):
                time.sleep(POLL_SECONDS)
                found = _attempts(api, which, _POLLED)
                printer.print(found)


def _attempts(api: Api, which: str, limit: int | None = None) -> list[Attempt]:
    return api.get(f"{path(TASK, which)}/attempts", limit=limit).value


def _has_ended(attempts: Sequence[Attempt]) -> bool:
    return bool(attempts) and attempts[-1]["final"]


class _Printer:
    """Prints the lines that it has not printed yet. Without a chosen attempt, each gets a heading."""

    def __init__(self, number: int | None) -> None:
        self._number = number
        self._printed: dict[tuple[object, object], list[str]] = {}

    def print(self, attempts: Sequence[Attempt]) -> None:
        for one in attempts:
            if self._number is None or one["attempt"] == self._number:
                self._print(one)

    def _print(self, one: Attempt) -> None:
        key = (one["attempt"], one["started_at"])
        if key not in self._printed and self._number is None and one["started_at"] is not None:
            click.echo(f"attempt {one['attempt']}, started {one['started_at']}")
        text: str = one["logs"] or ""
        lines = text.splitlines()
        for line in new_lines(self._printed.get(key, []), lines):
            click.echo(f"{'' if self._number is not None else '  '}{plain(line)}")
        if lines or key not in self._printed:
            self._printed[key] = lines


def new_lines(before: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """The lines of `now` after those of `before`: a log that grows loses its first lines, and says how many."""
    for dropped in range(len(before) + 1):
        kept = before[dropped:]
        for skipped in (0, 1):  # the line that says how many are left out
            if list(now[skipped : skipped + len(kept)]) == list(kept) and (kept or not skipped):
                return now[skipped + len(kept) :]
    return now
