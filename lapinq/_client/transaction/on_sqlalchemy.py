"""Connections and sessions of SQLAlchemy, with any driver for PostgreSQL.

A session sends notices after its commit. A connection has no hook for that and sends them in the transaction.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from lapinq._client.transaction.statements import announcement

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session
    from sqlalchemy.orm import Session, scoped_session

    from lapinq._client.transaction.connections import SyncConnection
    from lapinq._client.transaction.statements import Placeholder, Row, Statement
    from lapinq_core.db.notify.channels import Notice

_UNSENT = "lapinq_unsent_notices"

log = logging.getLogger("lapinq")


class OnConnection:
    announces_at_once = True

    def __init__(self, connection: Connection) -> None:
        name = connection.dialect.name
        if name != "postgresql":
            raise TypeError(f"lapinq stores tasks in PostgreSQL, but this connection leads to {name}")
        self._connection = connection
        is_numeric = connection.dialect.paramstyle == "numeric_dollar"
        self._placeholder: Placeholder = "$1" if is_numeric else "%s"

    def fetch(self, statement: Statement) -> Sequence[Row]:
        query = statement.text(self._placeholder)
        return self._connection.exec_driver_sql(query, statement.values).all()

    def nested(self) -> AbstractContextManager[object]:
        if getattr(self._connection.connection.dbapi_connection, "autocommit", False):
            return self._transaction()
        return self._connection.begin_nested()

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """Of its own, on a connection that commits each statement itself: there SQLAlchemy begins none."""
        self._connection.exec_driver_sql("BEGIN")
        try:
            yield
        except BaseException:
            self._connection.exec_driver_sql("ROLLBACK")
            raise
        self._connection.exec_driver_sql("COMMIT")

    def announce(self, notices: set[Notice]) -> None:
        self.fetch(announcement(notices))


class OnSession(OnConnection):
    """For one call: the connection of the session's transaction."""

    announces_at_once = False

    def __init__(self, session: Session | scoped_session[Any]) -> None:
        from sqlalchemy.orm import scoped_session

        self._session: Session = session() if isinstance(session, scoped_session) else session
        super().__init__(self._session.connection())

    def announce(self, notices: set[Notice]) -> None:
        unsent = self._session.info.get(_UNSENT)
        if unsent is None:
            unsent = self._session.info[_UNSENT] = _Unsent(self._session)
        unsent.add(self._connection, notices)


class _Unsent:
    """The notices of a session's transaction."""

    def __init__(self, session: Session) -> None:
        self._connection: Connection | None = None
        self._notices: set[Notice] = set()
        event.listen(session, "after_commit", self._on_commit)
        event.listen(session, "after_rollback", self._on_rollback)

    def add(self, connection: Connection, notices: set[Notice]) -> None:
        self._connection = connection
        self._notices |= notices

    def _on_commit(self, session: Session) -> None:
        if session.in_nested_transaction() or self._connection is None:
            return
        connection, notices = self._connection, self._notices
        self._connection, self._notices = None, set()
        # The session has committed, but still has the connection. One that the session joined goes on with its own
        # transaction, and its commit sends the notices.
        is_joined = connection.in_transaction()
        try:
            OnConnection(connection).fetch(announcement(notices))
            if not is_joined:
                connection.commit()
        except Exception as error:  # noqa: BLE001  # the tasks are stored, and polling finds them
            log.debug("could not notify workers after the commit: %s", error)

    def _on_rollback(self, session: Session) -> None:
        if not session.in_nested_transaction():
            self._connection, self._notices = None, set()


class OnAsyncConnection:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def run_sync(self, work: Callable[[SyncConnection], Any]) -> Any:
        return await self._connection.run_sync(lambda connection: work(OnConnection(connection)))


class OnAsyncSession:
    def __init__(self, session: AsyncSession | async_scoped_session[Any]) -> None:
        from sqlalchemy.ext.asyncio import async_scoped_session

        self._session: AsyncSession = session() if isinstance(session, async_scoped_session) else session

    async def run_sync(self, work: Callable[[SyncConnection], Any]) -> Any:
        return await self._session.run_sync(lambda session: work(OnSession(session)))


ADAPTERS = {
    "Connection": OnConnection,
    "Session": OnSession,
    "scoped_session": OnSession,
    "AsyncConnection": OnAsyncConnection,
    "AsyncSession": OnAsyncSession,
    "async_scoped_session": OnAsyncSession,
}
