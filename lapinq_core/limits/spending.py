"""What attempts report about named limits when they end: the units they used, and that a limit must close.

Each goes in one transaction with the end of the attempt and matches its claim token, so it counts once, and not for an
attempt that another worker has by now.
"""

from collections.abc import Mapping, Sequence

import msgspec
import psycopg

from lapinq_core.db.rows import one_row
from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)


class Spent(msgspec.Struct, frozen=True):
    """The units that an attempt used, by limit."""

    task_id: str
    token: str
    units: Mapping[str, float]


class Exhausted(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that closes a limit for `seconds`. Its task returns to the place `seq`."""

    task_id: str
    token: str
    seq: int
    limit: str
    seconds: float
    error: str
    run_seconds: float
    logs: str | None = None


class Closed(msgspec.Struct, frozen=True):
    """How many attempts were ours, the queues in which some of them wait again, and the ids of those that named no
    limit that exists: they go on running."""

    ours: int
    queues: list[str]
    missing: list[str]


async def spend(conn: psycopg.AsyncConnection, attempts: Sequence[Spent]) -> None:
    """Corrects what the attempts took, in ascending order of id. The caller ends them in the same transaction; those
    that have used nothing are only locked, so that it locks them in this order, too."""
    await conn.execute(sql("spend"), _spent(attempts))


def spend_in(conn: psycopg.Connection, attempts: Sequence[Spent]) -> None:
    """As `spend`, for a plain connection."""
    conn.execute(sql("spend"), _spent(attempts))


async def close(conn: psycopg.AsyncConnection, attempts: Sequence[Exhausted]) -> Closed:
    """Closes limits, and ends the attempts that found them exhausted, in ascending order of id."""
    params = {
        "ids": [one.task_id for one in attempts],
        "tokens": [one.token for one in attempts],
        "seqs": [one.seq for one in attempts],
        "names": [one.limit for one in attempts],
        "seconds": [one.seconds for one in attempts],
        "errors": [one.error for one in attempts],
        "run_seconds": [one.run_seconds for one in attempts],
        "logs": [one.logs for one in attempts],
    }
    return Closed(*await one_row(conn, sql("close"), params))


def _spent(attempts: Sequence[Spent]) -> dict[str, object]:
    rows = [
        (one.task_id, one.token, name, None if units is None else float(units))
        for one in attempts
        for name, units in (one.units.items() or ((None, None),))
    ]
    ids, tokens, names, units = (list(column) for column in zip(*rows, strict=True))
    return {"ids": ids, "tokens": tokens, "names": names, "units": units}
