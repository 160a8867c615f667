"""How failed tasks spread over their keys and over the releases that ran them."""

from collections.abc import Sequence

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

MAX_SHARES = 8
"""The most frequent ones; the others together are one more."""


class Share(msgspec.Struct, frozen=True):
    """How many tasks have a value. None is none; that of the remaining ones together `is_rest`."""

    value: str | None
    tasks: int
    is_rest: bool = False


class Breakdown(msgspec.Struct, frozen=True):
    """The shares of `tasks` ended tasks, the largest first."""

    tasks: int
    keys: list[Share]
    releases: list[Share]


async def break_down(conn: psycopg.AsyncConnection, ids: Sequence[str]) -> Breakdown:
    """The shares of the tasks with these ids."""
    rows = await all_rows(conn, sql("break_down"), {"ids": list(ids)}, prepare=True)
    keys = [Share(value, tasks) for what, value, tasks in rows if what == "key"]
    releases = [Share(value, tasks) for what, value, tasks in rows if what == "release"]
    return Breakdown(sum(share.tasks for share in keys), _cut(keys), _cut(releases))


def _cut(shares: list[Share]) -> list[Share]:
    rest = sum(share.tasks for share in shares[MAX_SHARES:])
    return [*shares[:MAX_SHARES], *([Share(None, rest, is_rest=True)] if rest else [])]
