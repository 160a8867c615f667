"""Connections of psycopg. A notice is sent in the transaction: psycopg has no hook after the commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import psycopg
from psycopg import pq, rows

from lapinq._client.transaction.connections import TASKS_AT_ONCE_BESIDE, beside
from lapinq._client.transaction.statements import announcement

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence
    from typing import Any, LiteralString

    from lapinq._client.transaction.statements import Row, Statement
    from lapinq_core.db.notify.channels import Notice

    T = TypeVar("T")

from contextlib import asynccontextmanager, contextmanager
from typing import cast


class OnConnection:
    announces_at_once = True

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def fetch(self, statement: Statement) -> Sequence[Row]:
        # Not the connection's own cursor, which may give other rows or expect other placeholders.
        with psycopg.Cursor(self._connection, row_factory=rows.tuple_row) as cursor:
            return cursor.execute(_query(statement), statement.values).fetchall()

    @contextmanager
    def nested(self) -> Generator[None]:
        if _would_commit(self._connection):
            self._connection.execute("")  # begins it
        with self._connection.transaction():
            yield

    def announce(self, notices: set[Notice]) -> None:
        self.fetch(announcement(notices))


class OnAsyncConnection:
    announces_at_once = True
    tasks_at_once = TASKS_AT_ONCE_BESIDE

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def fetch(self, statement: Statement) -> Sequence[Row]:
        async with psycopg.AsyncCursor(self._connection, row_factory=rows.tuple_row) as cursor:
            return await (await cursor.execute(_query(statement), statement.values)).fetchall()

    async def fetch_beside(self, statement: Statement, work: Callable[[], T]) -> tuple[Sequence[Row], T]:
        return await beside(self.fetch(statement), work)

    @asynccontextmanager
    async def nested(self) -> AsyncGenerator[None]:
        if _would_commit(self._connection):
            await self._connection.execute("")  # begins it
        async with self._connection.transaction():
            yield

    async def announce(self, notices: set[Notice]) -> None:
        await self.fetch(announcement(notices))


ADAPTERS = {"Connection": OnConnection, "AsyncConnection": OnAsyncConnection}


def _query(statement: Statement) -> LiteralString:
    return cast("LiteralString", statement.text("%s"))


def _would_commit(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    """Whether `transaction()` would begin the caller's transaction, and so commit it at its end."""
    return not connection.autocommit and connection.info.transaction_status == pq.TransactionStatus.IDLE
