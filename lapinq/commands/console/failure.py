"""A command that failed."""

import click

from lapinq_core.runtime import exits


class Failed(click.ClickException):
    """Ends the command with the message on standard error."""

    exit_code = exits.FAILED
