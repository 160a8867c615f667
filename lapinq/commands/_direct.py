"""Commands that work straight on the database: its flags, a connection, and who is noted for what they change."""

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from lapinq_core.db.errors import translated
from lapinq_core.db.pool import connect
from lapinq_core.db.startup import database, explained
from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.people.audit import Author
from lapinq_core.runtime import flags
from lapinq_core.runtime.settings import load_settings

T = TypeVar("T")

database_flags = flags.group(
    flags.option("database_url", help="PostgreSQL to look at; without one the embedded PostgreSQL."),
    flags.option("data_dir", help="Directory of the embedded database."),
    flags.option("pg_bin", help="Directory of the PostgreSQL programs for the embedded database."),
)


def run(given: dict[str, object], verb: Callable[[psycopg.AsyncConnection], Awaitable[T]]) -> T:
    """What `verb` answers, on the database that the flags in `given` name. Ends the command when it raises."""

    async def call(url: str) -> T:
        with translated():
            async with await connect(url, "lapinq-command") as conn:
                return await verb(conn)

    with explained(), database(load_settings(os.environ, **given)) as url:
        return asyncio.run(call(url))


def author() -> Author:
    """Whoever runs the command, by the operating system's name for them."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # in a container any number will do
        name = f"uid {uid}"
    return Author(actor_kind=ActorKind.COMMAND_LINE, actor=name)
