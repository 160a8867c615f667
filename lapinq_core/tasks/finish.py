"""Ending one attempt in a transaction of the caller's, who commits it together with what else it writes there."""

import msgspec
import psycopg

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.tasks"


class End(msgspec.Struct, frozen=True, kw_only=True):
    """A completion: `result` is JSON text, `seconds` the run time, `said` the last word on progress and its message."""

    task_id: str
    token: str
    result: str
    seconds: float
    logs: str | None = None
    said: tuple[int, str | None] | None = None


def complete_one(conn: psycopg.Connection, end: End) -> bool:
    """Completes the attempt; False when it is not its token's any more."""
    if end.said is not None:
        conn.execute(sql(_PACKAGE, "report_progress"), _progress(end))
    row = conn.execute(sql(_PACKAGE, "complete"), _completion(end)).fetchone()
    return row is not None and row[0] == 1


async def acomplete_one(conn: psycopg.AsyncConnection, end: End) -> bool:
    """As `complete_one`, for coroutines."""
    if end.said is not None:
        await conn.execute(sql(_PACKAGE, "report_progress"), _progress(end))
    row = await (await conn.execute(sql(_PACKAGE, "complete"), _completion(end))).fetchone()
    return row is not None and row[0] == 1


def _completion(end: End) -> dict[str, object]:
    return {
        "ids": [end.task_id],
        "tokens": [end.token],
        "seconds": [end.seconds],
        "results": msgspec.json.encode([end.result]).decode(),
        "logs": msgspec.json.encode([end.logs]).decode(),
    }


def _progress(end: End) -> dict[str, object]:
    assert end.said is not None
    percent, message = end.said
    return {"ids": [end.task_id], "tokens": [end.token], "percents": [percent], "messages": [message]}
