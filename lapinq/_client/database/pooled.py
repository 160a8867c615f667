"""The client's connections: few, opened when they are needed, with time limits and errors that say what to do."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg_pool import PoolTimeout, TooManyRequests

from lapinq.errors import RequestRefused
from lapinq_core.batching.database import Overloaded
from lapinq_core.db.errors import DatabaseUnavailable, translated
from lapinq_core.db.pool import PooledConnection, connect, make_pool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from lapinq_core.db.pool import Pool

P = ParamSpec("P")
T = TypeVar("T")

SIZE = 5
"""Two statements that store tasks, a large batch, a look at results, a notification."""
KEY_TURNS = 2
"""Statements that may wait for unique keys."""
BUDGET_SECONDS = 10.0
CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 2.0
_OTHER_SCHEMA = (pg.UndefinedTable, pg.UndefinedFunction, pg.UndefinedColumn, pg.InvalidSchemaName)
# libpq has no code for why a connection failed.
_REFUSED = re.compile(r"authentication failed|does not exist|no pg_hba\.conf entry|not permitted to log in")


class NotSent(DatabaseUnavailable):
    """There was no connection to the database."""


class Pooled:
    """The `lapinq_core.batching.database.Database` of a process that enqueues. One event loop uses it."""

    budget = BUDGET_SECONDS

    def __init__(self, url: str) -> None:
        self._url = url
        self.pool: Pool = make_pool(url, "lapinq client", SIZE, timeout=CONNECT_SECONDS, min_size=1)
        self._key_turns = asyncio.Semaphore(KEY_TURNS)
        self._is_open = False

    async def close(self) -> None:
        await self.pool.close(timeout=CLOSE_SECONDS)

    def check(self) -> None:
        """Every call tries: there are no crowds to turn away."""

    async def run(
        self,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        return await self.within(self.budget, verb, *args, **kwargs)

    async def within(
        self,
        budget: float,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Raises `NotSent`, `DatabaseUnavailable`, `ValueRefused`, and `RequestRefused` for what will not go away."""
        async with self.connection() as conn:
            with translated():
                async with asyncio.timeout(budget):
                    return await verb(conn, *args, **kwargs)

    @asynccontextmanager
    async def key_turn(self, seconds: float) -> AsyncGenerator[None]:
        """Raises `Overloaded`."""
        try:
            async with asyncio.timeout(seconds):
                await self._key_turns.acquire()
        except TimeoutError:
            raise Overloaded from None
        try:
            yield
        finally:
            self._key_turns.release()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[PooledConnection]:
        """Raises `NotSent` or `RequestRefused` if there is none to be had."""
        if not self._is_open:
            await self._reach()  # says at once what is wrong, where the pool would let everybody wait
            await self.pool.open()
            self._is_open = True
        try:
            conn = await self.pool.getconn()
        except (PoolTimeout, TooManyRequests) as error:
            await self._reach()
            raise NotSent(str(error)) from error
        try:
            yield conn
        except _OTHER_SCHEMA as error:
            raise RequestRefused(
                "there are no tables of lapinq in the database, or older ones: run `lapinq migrate`"
                f" ({error.diag.message_primary})"
            ) from error
        except pg.InsufficientPrivilege as error:
            raise RequestRefused(str(error)) from error
        finally:
            await self.pool.putconn(conn)

    async def _reach(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await (await connect(self._url, "lapinq client")).close()
        except TimeoutError as error:
            raise NotSent(f"no connection within {CONNECT_SECONDS:g} s") from error
        except (psycopg.OperationalError, OSError) as error:
            reason = str(error).partition("\n")[0]
            if _REFUSED.search(reason):
                raise RequestRefused(f"the database refused the connection: {reason}") from error
            raise NotSent(reason) from error
