"""Telling how far a run is, on standard error."""

import click


def say(text: str) -> None:
    click.echo(text, err=True)
