"""Several transactions in one message to the server.

With psycopg's own pipeline the second transaction leaves only after the answer to the first.
"""

from collections.abc import Sequence
from typing import LiteralString
from weakref import WeakKeyDictionary

import msgspec
import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.waiting import READY_R, WAIT_R, WAIT_RW


class Statement(msgspec.Struct, frozen=True):
    """Its parameters are $1, $2 and so on. The server keeps it prepared under `name`, which no other text has."""

    name: str
    text: LiteralString
    params: tuple[str, ...] = ()


async def run_pipelined(
    conn: psycopg.AsyncConnection, *transactions: Sequence[Statement]
) -> list[psycopg.Error | None]:
    """Executes the transactions one after the other, whether or not one before fails.

    Returns the error of each, None if it has committed. `conn` is in autocommit mode, and nobody else uses it
    meanwhile. Raises psycopg.OperationalError when the connection breaks.
    """
    prepared = _prepared.setdefault(conn, set())
    errors = await conn.wait(_round_trip(conn.pgconn, transactions, prepared))
    if isinstance(errors[0], InvalidSqlStatementName):
        # psycopg has deallocated them and `forget_prepared` was not told, so none of the transactions has begun.
        prepared.clear()
        errors = await conn.wait(_round_trip(conn.pgconn, transactions, prepared))
    return errors


def forget_prepared(conn: psycopg.AsyncConnection) -> None:
    """The server keeps no prepared statement of `conn` any more.

    Without this a transaction pooler would close `conn`: it doesn't answer that there is no such statement.
    """
    _prepared.pop(conn, None)


_prepared: WeakKeyDictionary[psycopg.AsyncConnection, set[str]] = WeakKeyDictionary()


def _round_trip(
    conn: pq.abc.PGconn, transactions: Sequence[Sequence[Statement]], prepared: set[str]
) -> PQGen[list[psycopg.Error | None]]:
    conn.enter_pipeline_mode()
    unprepared = list[list[str]]()  # for each transaction: what its commands prepare, "" for nothing
    names = set(prepared)
    for statements in transactions:
        commands = list[str]()
        for one in statements:
            if one.name not in names:
                names.add(one.name)
                conn.send_prepare(one.name.encode(), one.text.encode())
                commands.append(one.name)
            conn.send_query_prepared(one.name.encode(), [param.encode() for param in one.params])
            commands.append("")
        conn.pipeline_sync()
        unprepared.append(commands)
    while conn.flush():
        if (yield WAIT_RW) & READY_R:
            conn.consume_input()
    errors = list[psycopg.Error | None]()
    error: psycopg.Error | None = None
    answered = 0  # commands of this transaction
    while len(errors) < len(transactions):
        while conn.is_busy():
            yield WAIT_R
            conn.consume_input()
        result = conn.get_result()
        if conn.status == pq.ConnStatus.BAD:
            raise psycopg.OperationalError(conn.get_error_message())
        if result is None:
            answered += 1
        elif result.status == pq.ExecStatus.PIPELINE_SYNC:
            errors.append(error)
            error, answered = None, 0
        elif result.status == pq.ExecStatus.FATAL_ERROR:
            error = error or error_from_result(result)
        elif result.status == pq.ExecStatus.COMMAND_OK and (name := unprepared[len(errors)][answered]):
            prepared.add(name)
    conn.exit_pipeline_mode()
    return errors
