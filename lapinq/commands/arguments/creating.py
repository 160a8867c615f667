"""The flag `--create`: without it, a command refuses a name that nobody has seen, which is probably misspelt."""

from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus

import click

from lapinq.commands.console.failure import ApiRefused

create_flag = click.option(
    "--create", is_flag=True, help="Accept a name that nobody has seen: no task, worker, schedule or setting."
)


@contextmanager
def known_unless(create: bool) -> Generator[bool | None]:
    """The parameter `must_exist` for the API, None with `--create`. A refusal because of it names the flag."""
    try:
        yield None if create else True
    except ApiRefused as error:
        if create or error.status != HTTPStatus.NOT_FOUND:
            raise
        raise type(error)(f"{error.message}. If the name is right, add --create", error.status) from error
