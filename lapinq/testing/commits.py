"""What follows a task that was enqueued with `using`, when the caller's transaction ends.

Sessions and connections of SQLAlchemy and connections of Django tell when. Those of psycopg and asyncpg have no hook
for it: the transaction counts as committed at once, and the tasks are marked as `unobserved`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from lapinq._client.calling.calls import SendSignal, Storing

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.calling.replacing import InTransaction
    from lapinq._client.settings import ServerSettings
    from lapinq.testing.enqueued import EnqueuedTask

    Take = Callable[[Storing | SendSignal], tuple[Answer, "Effect"]]


class Effect(Protocol):
    """What a call does besides its answer."""

    @property
    def tasks(self) -> list[EnqueuedTask]:
        """Those that it has enqueued."""
        ...

    def on_commit(self) -> None: ...

    async def aon_commit(self) -> None:
        """The same for a session of coroutines."""
        ...

    def on_rollback(self) -> None: ...


class UntilTheEnd:
    """A transport that takes calls at once. The end of the caller's transaction decides on their effects."""

    max_in_batch: int | None = None

    def __init__(self, transport: InTransaction, take: Take) -> None:
        self._transport = transport
        self._take = take

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        self._transport.check_plain()
        assert isinstance(call, Storing | SendSignal)
        answer, effect = self._take(call)
        if not _leave_to_the_end(self._transport.connection, effect):
            effect.on_commit()
        return answer

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        self._transport.check_async()
        assert isinstance(call, Storing | SendSignal)
        answer, effect = self._take(call)
        if not _leave_to_the_end(self._transport.connection, effect):
            await effect.aon_commit()
        return answer

    def close(self) -> None:
        """The caller closes the connection."""

    async def aclose(self) -> None:
        """The caller closes the connection."""


def _leave_to_the_end(connection: Any, effect: Effect) -> bool:
    """False if it has its effect at once: the connection commits each statement, or doesn't tell how its transaction
    ends."""
    from lapinq._client.transaction.drivers import driver_of

    package, kind = driver_of(connection)
    if package == "sqlalchemy" and kind in _SESSIONS:
        session = connection() if kind in ("scoped_session", "async_scoped_session") else connection
        is_async = kind in ("AsyncSession", "async_scoped_session")
        _ends_of(session.sync_session if is_async else session, is_async=is_async).add(effect)
        return True
    if package == "sqlalchemy":
        is_async = kind == "AsyncConnection"
        return _follow_connection(connection.sync_connection if is_async else connection, effect, is_async)
    if package == "django":
        connection.on_commit(effect.on_commit)
        return True
    for task in effect.tasks:
        task.unobserved = True
    return False


_SESSIONS = ("Session", "scoped_session", "AsyncSession", "async_scoped_session")
_ENDS = "lapinq_testing_ends"


def _ends_of(session: Any, *, is_async: bool) -> _SessionEnds:
    ends = session.info.get(_ENDS)
    if ends is None:
        ends = session.info[_ENDS] = _SessionEnds(session, is_async=is_async)
    return ends


class _SessionEnds:
    """The effects of a session's transaction, each with the transaction and savepoints that it is in."""

    def __init__(self, session: Any, *, is_async: bool) -> None:
        from sqlalchemy import event

        self._session = session
        self._is_async = is_async
        self._waiting: list[tuple[Effect, list[Any]]] = []
        self._is_committed = False
        event.listen(session, "after_commit", self._after_commit)
        event.listen(session, "after_soft_rollback", self._after_rollback)
        event.listen(session, "after_transaction_end", self._after_end)

    def add(self, effect: Effect) -> None:
        inside = self._session.get_nested_transaction() or self._session.get_transaction()
        if inside is None:
            inside = self._session.begin()
        around: list[Any] = []
        while inside is not None:
            around.append(inside)
            inside = inside.parent
        self._waiting.append((effect, around))

    def _after_commit(self, session: Any) -> None:
        self._is_committed = not session.in_nested_transaction()

    def _after_rollback(self, _session: Any, ended: Any) -> None:
        lost = [effect for effect, around in self._waiting if any(ended is one for one in around)]
        self._waiting = [one for one in self._waiting if one[0] not in lost]
        for effect in lost:
            effect.on_rollback()

    def _after_end(self, _session: Any, ended: Any) -> None:
        # Only now is the connection free for those who want to see what was committed.
        if ended.parent is not None:
            return
        waiting, self._waiting = self._waiting, []
        is_committed, self._is_committed = self._is_committed, False
        for effect, _ in waiting:
            if not is_committed:
                effect.on_rollback()
            elif self._is_async:
                _await(effect.aon_commit())
            else:
                effect.on_commit()


_of_connections: WeakKeyDictionary[Any, _ConnectionEnds] = WeakKeyDictionary()


def _follow_connection(connection: Any, effect: Effect, is_async: bool) -> bool:
    # sqlite3 has a number, before Python 3.12 nothing.
    if getattr(connection.connection.dbapi_connection, "autocommit", None) is True:
        return False
    if not connection.in_transaction():
        connection.begin()  # as the statement would that stores the task
    if connection not in _of_connections:
        _of_connections[connection] = _ConnectionEnds(connection, is_async=is_async)
    _of_connections[connection].add(effect)
    return True


class _ConnectionEnds:
    """The effects of the transaction of a connection, in their order. A savepoint is how many there were before it."""

    def __init__(self, connection: Any, *, is_async: bool) -> None:
        from sqlalchemy import event

        self._is_async = is_async
        self._waiting: list[Effect] = []
        self._savepoints: list[int] = []
        event.listen(connection, "savepoint", self._on_savepoint)
        event.listen(connection, "release_savepoint", self._on_release)
        event.listen(connection, "rollback_savepoint", self._on_rollback_to)
        event.listen(connection, "commit", self._on_commit)
        event.listen(connection, "rollback", self._on_rollback)

    def add(self, effect: Effect) -> None:
        self._waiting.append(effect)

    def _on_savepoint(self, _connection: Any, _name: str | None) -> None:
        self._savepoints.append(len(self._waiting))

    def _on_release(self, _connection: Any, _name: str, _context: None) -> None:
        self._last_savepoint()

    def _on_rollback_to(self, _connection: Any, _name: str, _context: None) -> None:
        self._forget_from(self._last_savepoint())

    def _on_commit(self, connection: Any) -> None:
        self._savepoints.clear()
        if not self._waiting:
            return
        try:
            # The event comes before the commit, but effects are for after it. SQLAlchemy's own then has nothing to do.
            connection.engine.dialect.do_commit(connection.connection)
        except BaseException:
            self._forget_from(0)
            raise
        while self._waiting:
            effect = self._waiting.pop(0)
            if self._is_async:
                _await(effect.aon_commit())
            else:
                effect.on_commit()

    def _on_rollback(self, _connection: Any) -> None:
        self._savepoints.clear()
        self._forget_from(0)

    def _last_savepoint(self) -> int:
        """Those made before the first effect were not seen."""
        return self._savepoints.pop() if self._savepoints else 0

    def _forget_from(self, first: int) -> None:
        lost, self._waiting[first:] = self._waiting[first:], []
        for effect in lost:
            effect.on_rollback()


def _await(coroutine: Coroutine[Any, Any, None]) -> None:
    from sqlalchemy.util import await_only

    await_only(coroutine)
