"""Ending one attempt in a transaction of the caller's, who commits it together with what else it writes there."""

import msgspec
import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.queue"


def complete_one(
    conn: psycopg.Connection, task_id: str, token: str, result: str, seconds: float, logs: str | None = None
) -> bool:
    """Completes the attempt with `result`, JSON text, and what it said; False when it is not `token`'s any more."""
    params = _params(task_id, token, result, seconds, logs)
    row = conn.execute(sql(_PACKAGE, "complete"), params).fetchone()
    return row is not None and row[0] == 1


async def acomplete_one(
    conn: psycopg.AsyncConnection,
    task_id: str,
    token: str,
    result: str,
    seconds: float,
    logs: str | None = None,
) -> bool:
    """As `complete_one`, for coroutines."""
    cursor = await conn.execute(sql(_PACKAGE, "complete"), _params(task_id, token, result, seconds, logs))
    row = await cursor.fetchone()
    return row is not None and row[0] == 1


def _params(task_id: str, token: str, result: str, seconds: float, logs: str | None) -> dict[str, object]:
    return {
        "ids": [task_id],
        "tokens": [token],
        "seconds": [seconds],
        "results": msgspec.json.encode([result]).decode(),
        "logs": msgspec.json.encode([logs]).decode(),
    }
