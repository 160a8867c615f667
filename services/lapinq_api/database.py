"""The database as requests use it: bounded in time, behind a breaker, with errors translated."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg_pool import AsyncConnectionPool

from lapinq_api.breaker import Breaker
from lapinq_core.db.errors import DatabaseUnavailable, is_away, translated
from lapinq_core.db.pool import connect, is_listening, make_pool
from lapinq_core.queue import inspect

BUDGET_SECONDS = 1.8
"""For the pool and the statement together: with what surrounds it a refusal comes within two seconds."""
LIST_BUDGET_SECONDS = 5.0
"""For a list, which a rare filter can make walk far."""
_CLOSE_SECONDS = 2.0

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Pool = AsyncConnectionPool[psycopg.AsyncConnection]


class Database:
    """The pool of one event loop, from `open` to `close`.

    A statement that doesn't answer in time is left to the driver to cancel, which over a dead network can
    take long; the request doesn't wait for that.
    """

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self.pool: Pool = make_pool(url, "lapinq-api", size, timeout=BUDGET_SECONDS)
        self.breaker = Breaker(self._probe, self._drop_old, lambda: is_listening(url))
        self.is_ready = False
        """Whether the schema was seen to be there; until then every call is refused."""
        self._abandoned: set[asyncio.Task[object]] = set()

    async def open(self) -> None:
        """Returns at once, also while the database is away."""
        await self.pool.open()

    async def close(self) -> None:
        if self._abandoned:
            await asyncio.wait(self._abandoned, timeout=_CLOSE_SECONDS)
        await self.pool.close(timeout=_CLOSE_SECONDS)

    async def run(
        self,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What `verb` answers, called with a connection in autocommit mode and the arguments.

        Raises `DatabaseUnavailable` within the budget, at once while the breaker is open, and `ValueRefused`.
        """
        return await self.within(BUDGET_SECONDS, verb, *args, **kwargs)

    async def within(
        self,
        budget: float,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `run`, with a budget of its own. One over the usual says nothing of absence when it runs out."""
        self.check()
        work = asyncio.ensure_future(self._call(verb, *args, **kwargs))
        try:
            done, _ = await asyncio.wait((work,), timeout=budget)
        except asyncio.CancelledError:
            self._abandon(work)
            raise
        if not done:
            self._abandon(work)
            log.info("no answer from the database within %.1f s", budget)
            if budget <= BUDGET_SECONDS:
                self.breaker.failed("no answer in time")
            raise DatabaseUnavailable("no answer in time")
        with translated():
            try:
                answer = work.result()
            except Exception as error:
                if is_away(error):
                    log.info("no answer from the database: %s", error)
                    # One that is read-only still answers reads.
                    if not isinstance(error, pg.ReadOnlySqlTransaction):
                        self.breaker.failed(error)
                raise
        self.breaker.succeeded()
        return answer

    def check(self) -> None:
        """Raises `DatabaseUnavailable` when there is no point in trying."""
        if self.breaker.is_open:
            raise DatabaseUnavailable("it was away a moment ago")
        if not self.is_ready:
            raise DatabaseUnavailable("its schema is not there yet")

    async def _call(
        self,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        async with self.pool.connection() as conn:
            return await verb(conn, *args, **kwargs)

    def _abandon(self, work: asyncio.Task[T]) -> None:
        work.cancel()
        self._abandoned.add(work)
        work.add_done_callback(self._forget)

    def _forget(self, work: asyncio.Task[object]) -> None:
        self._abandoned.discard(work)
        if not work.cancelled():
            work.exception()

    async def _probe(self) -> None:
        async with asyncio.timeout(BUDGET_SECONDS):
            conn = await connect(self._url, "lapinq-api probe")
            async with conn:
                await inspect.ping(conn)

    async def _drop_old(self) -> None:
        # What lies in the pool is from before; each dead connection would cost a request.
        await self.pool.drain()
