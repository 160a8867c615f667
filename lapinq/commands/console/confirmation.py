"""Asking before something is lost."""

import sys

import click

from lapinq.commands.console.failure import Failed

yes_flag = click.option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask for confirmation.")


def confirm(question: str, *, is_sure: bool) -> None:
    """Ends the command unless somebody answers yes, or said so before."""
    if not is_sure:
        try:
            click.confirm(question, abort=True, err=True)
        except click.Abort:
            if sys.stdin.isatty():
                raise
            raise Failed("not confirmed: add --yes to answer without a terminal") from None
