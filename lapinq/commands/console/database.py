"""Commands that work directly on the database: its flags, a connection, and the author that the audit log records."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
import psycopg

from lapinq.commands.console.operator import operator_name
from lapinq_core.command_line.sections import section
from lapinq_core.db.errors import translated
from lapinq_core.db.pool import connect
from lapinq_core.db.startup import database, explained, prepare_schema
from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.people.audit import Author
from lapinq_core.runtime import flags
from lapinq_core.runtime.settings import load_settings

T = TypeVar("T")


def _no_server(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.UsageError(
            f"`{ctx.command_path}` works on the database, not through a server: give --database-url"
        )


database_flags = section(
    "Database",
    flags.database("PostgreSQL to use"),
    click.option(
        "--server", hidden=True, expose_value=False, callback=_no_server, help="Not for this command."
    ),
)


def run(given: dict[str, object], verb: Callable[[psycopg.AsyncConnection], Awaitable[T]]) -> T:
    """Run `verb` on the database that the flags in `given` name. An error ends the command."""

    async def call(url: str) -> T:
        with translated():
            async with await connect(url, "lapinq-command") as conn:
                return await verb(conn)

    with explained(), database(load_settings(os.environ, **given)) as url:
        prepare_schema(url, migrates=False)
        return asyncio.run(call(url))


def author() -> Author:
    """The operating system user who runs the command."""
    return Author(actor_kind=ActorKind.COMMAND_LINE, actor=operator_name())
