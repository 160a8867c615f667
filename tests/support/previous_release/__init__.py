"""The statements of release 2.0.0a1 as that release has them, to be run on the schema of this one.

During an upgrade workers and servers of both releases are at work, so a statement here is never changed. With the next
release the files are replaced by those of the release before it.
"""

from pathlib import Path
from typing import Any, LiteralString, cast

import msgspec
import psycopg

VERSION = "2.0.0a1"
REVISION = "0001"
"""The schema it was made for."""

_HERE = Path(__file__).parent


def statements(package: str) -> list[str]:
    """The verbs of `queue` or `store`."""
    return sorted(path.stem for path in (_HERE / package).glob("*.sql"))


def statement(verb: str, package: str = "queue") -> LiteralString:
    """Its text."""
    return cast("LiteralString", (_HERE / package / f"{verb}.sql").read_text(encoding="utf-8"))


async def rows(
    conn: psycopg.AsyncConnection, verb: str, package: str = "queue", **params: Any
) -> list[tuple[Any, ...]]:
    """What the statement answers; for those that answer at all."""
    return await (await conn.execute(statement(verb, package), params)).fetchall()


async def claim(conn: psycopg.AsyncConnection, worker: str, token: str, limit: int = 10) -> list[list[Any]]:
    """What a worker of that release gets, an array a task, in the order it had then."""
    ((text,),) = await rows(
        conn,
        "claim",
        queue="default",
        limit=limit,
        worker=worker,
        token=token,
        lease=310.0,
        mark_rank=-(2**40),
        mark_seq=0,
        max_rank=2**40,
    )
    return msgspec.json.decode(text or "[]")
