"""A command that failed."""

import click

from lapinq_core.runtime import exits


class Failed(click.ClickException):
    """Ends the command with the message on standard error."""

    exit_code = exits.FAILED


class Refused(Failed):
    """The API refused a request, with `status`."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class RefusedValue(Refused):
    """The API refused a value."""

    exit_code = exits.USAGE
