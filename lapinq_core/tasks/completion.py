"""Completes one attempt in the caller's transaction, which commits it together with the caller's own writes."""

from collections.abc import Mapping

import msgspec
import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.limits.spending import Spent, spend, spend_in

sql = sql_of(__name__)


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """`result` is JSON text, `seconds` the run time, `progress` the last progress and its message, `spent` the
    units of named limits that it used."""

    task_id: str
    token: str
    result: str
    seconds: float
    logs: str | None = None
    progress: tuple[int, str | None] | None = None
    spent: Mapping[str, float] | None = None


def complete_one(conn: psycopg.Connection, completion: Completion) -> bool:
    """Completes the attempt; False when the token no longer holds it."""
    if completion.progress is not None:
        conn.execute(sql("report_progress"), _progress(completion))
    if completion.spent:
        spend_in(conn, [Spent(completion.task_id, completion.token, completion.spent)])
    row = conn.execute(sql("complete"), _completion(completion)).fetchone()
    return row is not None and row[0] == 1


async def acomplete_one(conn: psycopg.AsyncConnection, completion: Completion) -> bool:
    """As `complete_one`, for coroutines."""
    if completion.progress is not None:
        await conn.execute(sql("report_progress"), _progress(completion))
    if completion.spent:
        await spend(conn, [Spent(completion.task_id, completion.token, completion.spent)])
    return await first_value(conn, sql("complete"), _completion(completion)) == 1


def _completion(completion: Completion) -> dict[str, object]:
    return {
        "ids": [completion.task_id],
        "tokens": [completion.token],
        "seconds": [completion.seconds],
        "results": msgspec.json.encode([completion.result]).decode(),
        "logs": msgspec.json.encode([completion.logs]).decode(),
    }


def _progress(completion: Completion) -> dict[str, object]:
    assert completion.progress is not None
    percent, message = completion.progress
    return {
        "ids": [completion.task_id],
        "tokens": [completion.token],
        "percents": [percent],
        "messages": [message],
    }
