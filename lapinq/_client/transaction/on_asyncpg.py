"""Connections of asyncpg. A notice is sent in the transaction: asyncpg has no hook after the commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapinq._client.transaction.statements import announcement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from lapinq._client.transaction.statements import Row, Statement
    from lapinq_core.db.channels import Notice


class OnConnection:
    announces_at_once = True

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, statement: Statement) -> Sequence[Row]:
        return await self._connection.fetch(statement.text("$1"), statement.value)

    def nested(self) -> AbstractAsyncContextManager[object]:
        return self._connection.transaction()

    async def announce(self, notices: set[Notice]) -> None:
        await self.fetch(announcement(notices))


ADAPTERS = {"Connection": OnConnection, "PoolConnectionProxy": OnConnection}
