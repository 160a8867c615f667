"""Executing an insertion on a connection and announcing its tasks: for plain code, and the same for coroutines."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from lapinq._client.transaction.insertion import Insertion, Refused
from lapinq.errors import RequestRefused

if TYPE_CHECKING:
    from collections.abc import Generator

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Enqueue, EnqueueBatch
    from lapinq._client.transaction.connections import AsyncConnection, SyncConnection
    from lapinq._client.transaction.insertion import Steps

_OTHER_SCHEMA = frozenset({"42P01", "42883", "42703", "3F000"})
"""SQLSTATEs: there is no such table, function, column or schema."""


def store(connection: SyncConnection, call: Enqueue | EnqueueBatch) -> Answer:
    """Raises the driver's errors, and `RequestRefused` if the database is not one of lapinq."""
    try:
        insertion = Insertion(call)
        with _explained():
            with connection.nested() if insertion.is_divisible else nullcontext():
                _execute(connection, insertion.steps())
            if notices := insertion.notices():
                connection.announce(notices)
    except Refused as refused:
        return refused.answer
    return insertion.answer()


async def astore(connection: AsyncConnection, call: Enqueue | EnqueueBatch) -> Answer:
    try:
        insertion = Insertion(call)
        with _explained():
            async with connection.nested() if insertion.is_divisible else nullcontext():
                await _aexecute(connection, insertion.steps())
            if notices := insertion.notices():
                await connection.announce(notices)
    except Refused as refused:
        return refused.answer
    return insertion.answer()


def _execute(connection: SyncConnection, steps: Steps) -> None:
    statement = next(steps, None)
    while statement is not None:
        rows = connection.fetch(statement)
        try:
            statement = steps.send(rows)
        except StopIteration:
            return


async def _aexecute(connection: AsyncConnection, steps: Steps) -> None:
    statement = next(steps, None)
    while statement is not None:
        rows = await connection.fetch(statement)
        try:
            statement = steps.send(rows)
        except StopIteration:
            return


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except Exception as error:
        if _sqlstate(error) in _OTHER_SCHEMA:
            raise RequestRefused(
                "this connection does not find the tables of lapinq: it leads to another database, its search_path"
                f" lacks their schema, or `lapinq migrate` has not run there ({error})"
            ) from error
        raise


def _sqlstate(error: BaseException) -> str | None:
    """SQLAlchemy and Django wrap the driver's error, and each driver has a name of its own for the code."""
    for one in (error, getattr(error, "orig", None), error.__cause__):
        code = getattr(one, "sqlstate", None) or getattr(one, "pgcode", None)
        if isinstance(code, str):
            return code
    return None
