"""The database as those who share statements need it: with time limits, and errors that say what to do."""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import psycopg

from lapinq_core.domain.errors import LapinqError

P = ParamSpec("P")
T = TypeVar("T")


class Overloaded(LapinqError):
    """Too many requests wait already; try again later."""


class Database(Protocol):
    """`budget` is in seconds, for one call."""

    @property
    def budget(self) -> float: ...

    def check(self) -> None:
        """Raises `DatabaseUnavailable` if trying is pointless."""
        ...

    def run(
        self,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, T]:
        """Calls `verb` with a connection in autocommit mode. Raises `DatabaseUnavailable` and `ValueRefused`."""
        ...

    def within(
        self,
        budget: float,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, T]:
        """Like `run`, with another budget."""
        ...

    def key_turn(self, seconds: float) -> AbstractAsyncContextManager[None]:
        """While it lasts, the request may occupy a connection with waiting for unique keys.

        Raises `Overloaded` or `DatabaseUnavailable` if it is not its turn within `seconds`.
        """
        ...
