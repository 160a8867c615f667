"""Connections of asyncpg. A notice is sent in the transaction: asyncpg has no hook after the commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from lapinq._client.transaction.connections import TASKS_AT_ONCE_BESIDE, beside
from lapinq._client.transaction.statements import announcement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from lapinq._client.transaction.statements import Row, Statement
    from lapinq_core.db.notify.channels import Notice

    T = TypeVar("T")


class OnConnection:
    announces_at_once = True
    tasks_at_once = TASKS_AT_ONCE_BESIDE

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, statement: Statement) -> Sequence[Row]:
        return await self._connection.fetch(statement.text("$1"), *statement.values)

    async def fetch_beside(self, statement: Statement, work: Callable[[], T]) -> tuple[Sequence[Row], T]:
        return await beside(self.fetch(statement), work)

    def nested(self) -> AbstractAsyncContextManager[object]:
        return self._connection.transaction()

    async def announce(self, notices: set[Notice]) -> None:
        await self.fetch(announcement(notices))


ADAPTERS = {"Connection": OnConnection, "PoolConnectionProxy": OnConnection}
