"""The help page: headings and flags in colour on a terminal, and `-h` beside `--help`.

Colours are plain ANSI: importing rich would cost `--help` more than everything else it does.
"""

import os
from collections.abc import Iterable
from typing import Any

import click

MAX_WIDTH = 100


class HelpPage(click.HelpFormatter):
    """click leaves the colours out where the output is no terminal."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(
            click.style(prog, bold=True),
            args,
            f"{click.style('Usage:', fg='yellow')} " if prefix is None else prefix,
        )

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{click.style(heading + ':', fg='yellow')}\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(click.style(term, fg="cyan"), text) for term, text in rows], col_max, col_spacing)


class Context(click.Context):
    """What every command of lapinq starts with."""

    formatter_class = HelpPage

    def __init__(self, command: click.Command, **settings: Any) -> None:
        settings.setdefault("help_option_names", ["-h", "--help"])
        settings.setdefault("max_content_width", MAX_WIDTH)
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            settings.setdefault("color", False)
        super().__init__(command, **settings)
