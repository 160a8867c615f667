"""Storing a step of a durable task in the caller's transaction: it is stored if that commits, and only then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapinq._client.transaction.connections import LendsSync
from lapinq._client.transaction.drivers import adapted, driver_of, is_async
from lapinq._client.transaction.statements import Statement
from lapinq._client.transaction.storing import explained

if TYPE_CHECKING:
    from lapinq_core.domain.tasks.durable.messages import Store


class StepInTransaction:
    """`lapinq_core.domain.tasks.durable.calls.Storing`, for the claim with that token of the task `task_id`.

    Raises the driver's errors, which end the transaction, and `RequestRefused` if the database is not one of lapinq.
    """

    def __init__(self, connection: object, task_id: str, token: str) -> None:
        """Raises TypeError if it is no connection of a known driver."""
        self._connection = connection
        self._driver = driver_of(connection)
        self.is_async = is_async(self._driver)
        self._claim = {"id": task_id, "token": token}

    def store(self, asked: Store) -> bool:
        with explained():
            connection: Any = adapted(self._connection, self._driver)
            return bool(connection.fetch(self._statement(asked)))

    async def astore(self, asked: Store) -> bool:
        statement = self._statement(asked)
        with explained():
            connection: Any = adapted(self._connection, self._driver)
            if isinstance(connection, LendsSync):
                return bool(await connection.run_sync(lambda sync: sync.fetch(statement)))
            return bool(await connection.fetch(statement))

    def _statement(self, asked: Store) -> Statement:
        values = {
            "name": asked.name,
            "occurrence": str(asked.occurrence),
            "kind": asked.kind,
            "result": asked.result,
            "seconds": repr(asked.seconds),
            "version": asked.version,
        }
        return Statement("store_own_step", self._claim | values)
