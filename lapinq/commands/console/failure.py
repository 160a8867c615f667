"""A command that failed."""

from collections.abc import Generator
from contextlib import contextmanager

import click

from lapinq_core.runtime import exits


class Failed(click.ClickException):
    """Ends the command with the message on standard error."""

    exit_code = exits.FAILED


class NoAnswer(Failed):
    """Nobody answered a request; `may_have_arrived` unless it was never sent."""

    def __init__(self, message: str, *, may_have_arrived: bool = True) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class ApiRefused(Failed):
    """The API refused a request, with `status`."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class RefusedValue(ApiRefused):
    """The API refused a value, or the command did before it asked."""

    exit_code = exits.USAGE


@contextmanager
def saying(status: int, message: str) -> Generator[None]:
    """Fails with `message` if the API refuses with `status`: it names what the API knows only by an id or a path."""
    try:
        yield
    except ApiRefused as error:
        if error.status != status:
            raise
        raise Failed(message) from error
