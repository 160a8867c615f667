"""The database as requests use it: bounded in time, behind a breaker, with errors translated.

There are two pools. What may have to look at many rows (lists, searches, counts, walks, pages of the dashboard) is a
*scan*, and has the smaller one for itself: however slow scans are, enqueueing, results and probes find a connection.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg

from lapinq_api.overload.breaker import Breaker
from lapinq_api.overload.places import Turns
from lapinq_core.db.errors import DatabaseUnavailable, is_away, is_outage, translated
from lapinq_core.db.pool import Pool, connect, is_listening, make_pool
from lapinq_core.tasks import inspect

BUDGET_SECONDS = 1.8
"""For the pool and the statement together: with what surrounds it a refusal comes within two seconds."""
SCAN_BUDGET_SECONDS = 5.0
"""For a scan, which a rare filter can make walk far."""
SCAN_SHARE = 0.3
"""Of the connections, for scans."""
MOST_SCANS_WAITING = 50
_CLOSE_SECONDS = 2.0

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """The connections of one event loop, from `open` to `close`: at most `size`, but for one of each kind.

    A statement that doesn't answer in time is left to the driver to cancel, which over a dead network can
    take long; the request doesn't wait for that.
    """

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        scans = max(1, int(size * SCAN_SHARE))
        self.pool: Pool = make_pool(url, "lapinq-api", max(1, size - scans), timeout=BUDGET_SECONDS)
        self.scan_pool: Pool = make_pool(url, "lapinq-api scans", scans, min_size=0, timeout=BUDGET_SECONDS)
        # Not the pool's own queue: who finds no connection there has to know whether the database is away.
        self._scan_turns = Turns(
            scans, MOST_SCANS_WAITING, BUDGET_SECONDS, "too many lists and searches are under way at once"
        )
        self.breaker = Breaker(self._probe, self._drop_old, lambda: is_listening(url))
        self.is_ready = False
        """Whether the schema was seen to be there; until then every call is refused."""
        self._abandoned: set[asyncio.Task[object]] = set()

    async def open(self) -> None:
        """Returns at once, also while the database is away."""
        await self.pool.open()
        await self.scan_pool.open()

    async def close(self) -> None:
        if self._abandoned:
            await asyncio.wait(self._abandoned, timeout=_CLOSE_SECONDS)
        await asyncio.gather(*(pool.close(timeout=_CLOSE_SECONDS) for pool in (self.pool, self.scan_pool)))

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
        return await self._finished(budget, self._call(verb, *args, **kwargs))

    async def scan(
        self,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `run`, on a connection for scans, within their budget. Raises `Busy` too."""
        return await self.scan_within(SCAN_BUDGET_SECONDS, verb, *args, **kwargs)

    async def scan_within(
        self,
        budget: float,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `scan`, with a budget of its own."""
        self.check()
        return await self._finished(budget, self._scan(verb, *args, **kwargs))

    def check(self) -> None:
        """Raises `DatabaseUnavailable` when there is no point in trying."""
        if self.breaker.is_open:
            raise DatabaseUnavailable("it was away a moment ago")
        if not self.is_ready:
            raise DatabaseUnavailable("its schema is not there yet")

    async def _finished(self, budget: float, call: Coroutine[Any, Any, T]) -> T:
        """What `call` answers within `budget`; the breaker hears of it."""
        work = asyncio.create_task(call)
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
                if is_outage(error):
                    self.breaker.failed(error)
                raise
        self.breaker.succeeded()
        return answer

    async def _call(
        self,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        async with self.pool.connection() as conn:
            return await verb(conn, *args, **kwargs)

    async def _scan(
        self,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        async with self._scan_turns.take(), self.scan_pool.connection() as conn:
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
        # What lies in the pools is from before; each dead connection would cost a request.
        await self.pool.drain()
        await self.scan_pool.drain()
