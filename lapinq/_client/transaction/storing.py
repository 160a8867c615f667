"""Storing the tasks, the workflow or the signal of a call on a connection, for plain code and for coroutines, and
announcing it."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lapinq._client.calling.answer import Answer
from lapinq._client.calling.calls import EnqueueWorkflow, SendSignal
from lapinq._client.transaction.insertion import MAX_TASKS_AT_ONCE, Insertion, Refused, refused
from lapinq._client.transaction.statements import Statement
from lapinq._client.transaction.workflow_insertion import WorkflowInsertion
from lapinq.errors import RequestRefused
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.refusals import (
    SIGNALS_FULL,
    TASK_ENDED,
    UNKNOWN_TASK,
    ErrorBody,
    invalid_value,
    read_id,
)
from lapinq_core.domain.requests.signals import read_value

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence

    from lapinq._client.calling.calls import Storing
    from lapinq._client.transaction.connections import AsyncConnection, SyncConnection
    from lapinq._client.transaction.statements import Row
    from lapinq_core.db.notify.channels import Notice

    T = TypeVar("T")

_OTHER_SCHEMA = frozenset({"42P01", "42883", "42703", "3F000"})
"""SQLSTATEs: there is no such table, function, column or schema."""


async def astore(connection: AsyncConnection, call: Storing | SendSignal) -> Answer:
    """Raises the driver's errors, and `RequestRefused` if the database is not one of lapinq."""
    if isinstance(call, SendSignal):
        return await _send(connection, call)
    try:
        insertion = (
            WorkflowInsertion(call)
            if isinstance(call, EnqueueWorkflow)
            else Insertion(call, connection.tasks_at_once)
        )
        with explained():
            async with connection.nested() if insertion.is_divisible else nullcontext():
                await insertion.store(connection)
            if notices := insertion.notices():
                await connection.announce(notices)
    except Refused as refused:
        return refused.answer
    return insertion.answer()


def store(connection: SyncConnection, call: Storing | SendSignal) -> Answer:
    return finished(astore(_Plain(connection), call))


async def _send(connection: AsyncConnection, call: SendSignal) -> Answer:
    try:
        task_id, value = read_id("task_id", call.task_id, "a task id"), read_value(call.value)
    except InvalidValue as error:
        return refused(400, invalid_value(error))
    with explained():
        [(said,)] = await connection.fetch(Statement("signal", (task_id, call.name, value)))
    match said:
        case "unknown":
            return refused(404, ErrorBody(UNKNOWN_TASK))
        case "ended":
            return refused(409, ErrorBody(TASK_ENDED))
        case "full":
            return refused(409, ErrorBody(SIGNALS_FULL))
        case _:
            return Answer(202, msgspec.json.encode({"id": task_id, "signal": call.name}))


def finished(steps: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that has nothing to wait for, as all that it awaits is plain code."""
    try:
        steps.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


class _Plain:
    """A connection for plain code, to be used as one for coroutines."""

    tasks_at_once = MAX_TASKS_AT_ONCE

    def __init__(self, connection: SyncConnection) -> None:
        self._connection = connection

    @property
    def announces_at_once(self) -> bool:
        return self._connection.announces_at_once

    async def fetch(self, statement: Statement) -> Sequence[Row]:
        return self._connection.fetch(statement)

    async def fetch_beside(self, statement: Statement, work: Callable[[], T]) -> tuple[Sequence[Row], T]:
        return self._connection.fetch(statement), work()

    @asynccontextmanager
    async def nested(self) -> AsyncGenerator[None]:
        with self._connection.nested():
            yield

    async def announce(self, notices: set[Notice]) -> None:
        self._connection.announce(notices)


@contextmanager
def explained() -> Generator[None]:
    """Raises `RequestRefused` if the database is not one of lapinq."""
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
