"""The doctor's report as text for people: what is well first, then the findings, the worst last."""

import shutil
import sys
import textwrap
from typing import Any

import click

from lapinq.commands.output.terminal import plain

_COLOURS = {"ok": "green", "info": "cyan", "warning": "yellow", "error": "red"}
_NAME_WIDTH = 16
_INDENT = " " * 9
_MIN_WIDTH, _MAX_WIDTH = 50, 110


def print_report(report: dict[str, Any]) -> None:
    """`report` is the API's object."""
    for status in _COLOURS:
        found = [one for one in report["checks"] if one["status"] == status]
        for one in found:
            _print_finding(status, one)
    click.echo(_summary([one["status"] for one in report["checks"]]))


def _print_finding(status: str, one: dict[str, Any]) -> None:
    name = plain(one["check"])
    message, *more = _lines(one["message"], used=len(_INDENT) + _NAME_WIDTH + 1)
    head = click.style(f"{status:<{len(_INDENT)}}", fg=_COLOURS[status])
    click.echo(f"{head}{click.style(f'{name:<{_NAME_WIDTH}}', bold=status != 'ok' or None)} {message}")
    following = more + [f"→ {line}" if first else f"  {line}" for first, line in _remedy(one["remedy"])]
    for line in following:
        click.echo(f"{_INDENT}{'':<{_NAME_WIDTH}} {line}")


def _remedy(remedy: str | None) -> list[tuple[bool, str]]:
    lines = _lines(remedy, used=len(_INDENT) + _NAME_WIDTH + 3) if remedy else []
    return [(number == 0, line) for number, line in enumerate(lines)]


def _lines(text: str, used: int) -> list[str]:
    """`text` in lines that fit a terminal; in one line for programs."""
    shown = plain(text).replace("\n", " ")
    if not sys.stdout.isatty():
        return [shown]
    width = min(shutil.get_terminal_size().columns, _MAX_WIDTH)
    return textwrap.wrap(shown, max(width - used, _MIN_WIDTH), break_on_hyphens=False)


def _summary(statuses: list[str]) -> str:
    numbers = [(statuses.count(status), status) for status in ("error", "warning", "info")]
    found = ", ".join(f"{number} {status}{'s' * (number > 1)}" for number, status in numbers if number)
    return f"\n{found or 'nothing found'}; {statuses.count('ok')} checks are fine"
