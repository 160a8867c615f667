"""Connections of Django. Notices are sent after the commit, by `on_commit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapinq._client.transaction.statements import announcement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from lapinq._client.transaction.statements import Row, Statement
    from lapinq_core.db.notify.channels import Notice

_UNSENT = "lapinq_unsent_notices"
"""The attribute of a connection with the notices of its transaction."""


class OnConnection:
    """`connection` may be the proxy that leads each thread to its own."""

    announces_at_once = False

    def __init__(self, connection: Any) -> None:
        if connection.vendor != "postgresql":
            raise TypeError(
                f"lapinq stores tasks in PostgreSQL, but this connection leads to {connection.vendor}"
            )
        self._connection = connection

    def fetch(self, statement: Statement) -> Sequence[Row]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement.text("%s"), statement.values)
            return cursor.fetchall()

    def nested(self) -> AbstractContextManager[object]:
        from django.db.transaction import Atomic

        return Atomic(using=self._connection.alias, savepoint=True, durable=False)

    def announce(self, notices: set[Notice]) -> None:
        from django.db.transaction import TransactionManagementError

        # One hook for each call, because a savepoint takes its hooks with it. The first that runs sends everything.
        # What a rollback leaves behind goes out with the next commit, and does no harm.
        unsent: set[Notice] = getattr(self._connection, _UNSENT, None) or set()
        setattr(self._connection, _UNSENT, unsent | notices)
        try:
            self._connection.on_commit(self._send, robust=True)
        except TransactionManagementError:  # the caller manages transactions itself, without autocommit
            self.fetch(announcement(notices))

    def _send(self) -> None:
        notices = getattr(self._connection, _UNSENT, None)
        if notices:
            setattr(self._connection, _UNSENT, set())
            self.fetch(announcement(notices))


ADAPTERS = {"BaseDatabaseWrapper": OnConnection, "ConnectionProxy": OnConnection}
