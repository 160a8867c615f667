"""Asking before something is lost."""

import click

yes_flag = click.option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask for confirmation.")


def confirm(question: str, *, is_sure: bool) -> None:
    """Ends the command unless somebody answers yes, or said so before."""
    if not is_sure:
        click.confirm(question, abort=True, err=True)
