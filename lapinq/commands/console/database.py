"""Commands work directly on the database: its flags, a connection, and the author that the audit log records."""

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

database_flags = flags.database("PostgreSQL to use")


def run(given: dict[str, object], verb: Callable[[psycopg.AsyncConnection], Awaitable[T]]) -> T:
    """Run `verb` on the database that the flags in `given` name. An error ends the command."""

    async def call(url: str) -> T:
        with translated():
            async with await connect(url, "lapinq-command") as conn:
                return await verb(conn)

    with explained(), database(load_settings(os.environ, **given)) as url:
        return asyncio.run(call(url))


def author() -> Author:
    """The operating system user who runs the command."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # containers often run as a user without a name
        name = f"uid {uid}"
    return Author(actor_kind=ActorKind.COMMAND_LINE, actor=name)
