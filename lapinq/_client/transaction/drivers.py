"""Which driver a connection belongs to, told without importing any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapinq._client.transaction.connections import AsyncConnection, LendsSync, SyncConnection


def driver_of(connection: object) -> tuple[str, str]:
    """The package and the class that tell what `connection` is.

    Raises TypeError for anything but the kinds that `Task.using` names.
    """
    for kind in type(connection).__mro__:
        place = (kind.__module__.partition(".")[0], kind.__name__)
        if place in _SYNC or place in _ASYNC:
            return place
    hint = _HINTS.get(type(connection).__name__, "")
    raise TypeError(
        "using() takes a connection of psycopg, SQLAlchemy, asyncpg or Django, or a session of SQLAlchemy, not"
        f" {type(connection).__module__}.{type(connection).__qualname__}{hint}"
    )


def is_async(place: tuple[str, str]) -> bool:
    return place in _ASYNC


def adapted(connection: Any, place: tuple[str, str]) -> SyncConnection | AsyncConnection | LendsSync:
    """An adapter for one call. Raises TypeError for a database other than PostgreSQL."""
    match place[0]:
        case "psycopg":
            from lapinq._client.transaction import on_psycopg as on
        case "sqlalchemy":
            from lapinq._client.transaction import on_sqlalchemy as on
        case "asyncpg":
            from lapinq._client.transaction import on_asyncpg as on
        case _:
            from lapinq._client.transaction import on_django as on
    return on.ADAPTERS[place[1]](connection)


_SYNC = {
    ("psycopg", "Connection"),
    ("sqlalchemy", "Connection"),
    ("sqlalchemy", "Session"),
    ("sqlalchemy", "scoped_session"),
    ("django", "BaseDatabaseWrapper"),
    ("django", "ConnectionProxy"),
}
_ASYNC = {
    ("psycopg", "AsyncConnection"),
    ("sqlalchemy", "AsyncConnection"),
    ("sqlalchemy", "AsyncSession"),
    ("sqlalchemy", "async_scoped_session"),
    ("asyncpg", "Connection"),
    ("asyncpg", "PoolConnectionProxy"),
}
_HINTS = {
    "Engine": ": give it the result of engine.connect() or engine.begin()",
    "AsyncEngine": ": give it the result of engine.connect() or engine.begin()",
    "sessionmaker": ": give it a session",
    "async_sessionmaker": ": give it a session",
    "Pool": ": acquire a connection from the pool",
    "ConnectionPool": ": take a connection from the pool",
    "AsyncConnectionPool": ": take a connection from the pool",
    "ConnectionHandler": ": give it one of the connections, such as connections['default']",
}
