"""The database as requests use it: with time limits, behind a gate, with errors translated.

There are two pools. Whatever may read many rows (lists, searches, counts, bulk calls, pages of the dashboard) is a
*scan* and uses the smaller pool. However slow scans are, enqueueing, results and probes find a connection.

Before each pool calls wait in a line of ours, not in the pool's queue: there a call can't tell a flood from an outage,
and one caller's calls would come before everybody's. The gate counts only calls that had their turn.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg

from lapinq_api.overload.database_gate import DatabaseGate
from lapinq_api.overload.fair_share import CALLER, FairLine
from lapinq_api.wire.errors import Busy, NoTurn
from lapinq_core.db.errors import DatabaseUnavailable, SchemaNotReady, is_away, is_outage, translated
from lapinq_core.db.migrate import SchemaError
from lapinq_core.db.pool import Pool, connect, is_listening, make_pool
from lapinq_core.tasks import inspect

BUDGET_SECONDS = 1.8
"""For waiting in the pool and the statement together. With the rest, a rejection takes less than two seconds."""
SCAN_BUDGET_SECONDS = 5.0
"""For a scan, which may read far if its filter matches little."""
SCAN_SHARE = 0.4
"""The scans' share of connections."""
MAX_SCANS_WAITING = 50
MAX_CALLS_WAITING = 5_000
MAX_KEY_TURNS = 3
"""Requests that may wait for unique keys in the database. One caller has two of them."""
MIN_CALL_SECONDS = 0.3
"""What is left of a budget for the call itself, at least, after it waited for its turn."""
SOON_SECONDS = 0.2
"""A call that waited longer for its turn had too little time left to tell whether the database is down."""
_CLOSE_SECONDS = 2.0

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """The connections of one event loop, from `open` to `close`: at most `size`, but at least one of each kind.

    `name` shows in `pg_stat_activity`. One caller gets at most `caller_share` of each kind, unless there is just one.
    When a statement exceeds its budget, the driver cancels it in the background. Over a dead network that may take
    long, and the request doesn't wait for it.
    """

    def __init__(self, url: str, size: int, name: str = "lapinq-api", *, caller_share: float = 1.0) -> None:
        self._url = url
        self._name = name
        self.budget = BUDGET_SECONDS
        scans = max(1, int(size * SCAN_SHARE))
        calls = max(1, size - scans)
        self.pool: Pool = make_pool(url, name, calls, timeout=BUDGET_SECONDS)
        self.scan_pool: Pool = make_pool(url, f"{name} scans", scans, min_size=0, timeout=BUDGET_SECONDS)
        self._line = FairLine(
            calls, MAX_CALLS_WAITING, "requests use the database", caller_share, "LAPINQ_POOL_SIZE"
        )
        self._scan_line = FairLine(
            scans, MAX_SCANS_WAITING, "lists and searches are running", caller_share, "LAPINQ_POOL_SIZE"
        )
        self._key_line = FairLine(
            MAX_KEY_TURNS, MAX_CALLS_WAITING, "requests with unique keys are running", caller_share
        )
        self.gate = DatabaseGate(self._probe, self._drop_old, lambda: is_listening(url))
        self.is_ready = False
        """Whether the schema has been found. Until then every call is rejected."""
        self._wrong_schema = ""
        self._abandoned: set[asyncio.Task[object]] = set()

    async def open(self) -> None:
        """Returns immediately, even while the database is unavailable."""
        await self.pool.open()
        await self.scan_pool.open()

    async def close(self) -> None:
        if self._abandoned:
            await asyncio.wait(self._abandoned, timeout=_CLOSE_SECONDS)
        await asyncio.gather(*(pool.close(timeout=_CLOSE_SECONDS) for pool in (self.pool, self.scan_pool)))

    def run(
        self,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, T]:
        """Calls `verb` with a connection in autocommit mode and the arguments. Returns its result.

        Raises `DatabaseUnavailable` within the budget, or immediately while the gate is shut, and `ValueRefused`.
        """
        return self._run(self.pool, self._line, BUDGET_SECONDS, verb, *args, **kwargs)

    def within(
        self,
        budget: float,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, T]:
        """Like `run`, with another budget. Exceeding one above `BUDGET_SECONDS` doesn't count as an outage."""
        return self._run(self.pool, self._line, budget, verb, *args, **kwargs)

    def scan(
        self,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, T]:
        """Like `run`, on a connection for scans and within their budget. Raises `Busy`, too."""
        return self._run(self.scan_pool, self._scan_line, SCAN_BUDGET_SECONDS, verb, *args, **kwargs)

    def scan_within(
        self,
        budget: float,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, T]:
        """Like `scan`, with another budget."""
        return self._run(self.scan_pool, self._scan_line, budget, verb, *args, **kwargs)

    @asynccontextmanager
    async def key_turn(self, seconds: float) -> AsyncGenerator[None]:
        """One of a few turns to wait for unique keys, shared fairly. Raises `NoTurn` after `seconds`."""
        caller = CALLER.get()
        try:
            await self._key_line.take(caller, seconds)
        except Busy as error:
            raise NoTurn(error) from error
        try:
            yield
        finally:
            self._key_line.leave(caller)

    def admit_calls(self) -> None:
        """The schema has been found."""
        self.is_ready = True

    def refuse_calls(self, why: SchemaError) -> None:
        """The database is up, but has another schema."""
        self._wrong_schema = str(why)

    def check(self) -> None:
        """Raises `DatabaseUnavailable` if trying is pointless."""
        if self.gate.is_shut:
            raise DatabaseUnavailable("the database is unavailable; retry shortly")
        if not self.is_ready:
            if self._wrong_schema:
                raise SchemaNotReady(self._wrong_schema)
            raise DatabaseUnavailable("its schema is not ready yet")

    async def _run(
        self,
        pool: Pool,
        line: FairLine,
        budget: float,
        verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        self.check()
        caller, began = CALLER.get(), time.monotonic()
        try:
            await line.take(caller, min(budget - MIN_CALL_SECONDS, BUDGET_SECONDS))
        except Busy as error:
            if line is self._scan_line:
                raise
            raise NoTurn(error) from error
        waited = time.monotonic() - began
        try:
            self.check()  # the gate may have shut meanwhile
        except DatabaseUnavailable:
            line.leave(caller)
            raise
        work = asyncio.create_task(_call(pool, verb, *args, **kwargs))
        work.add_done_callback(lambda _: line.leave(caller))
        try:
            done, _ = await asyncio.wait((work,), timeout=budget - waited)
        except asyncio.CancelledError:
            self._abandon(work)
            raise
        if not done:
            self._abandon(work)
            log.info("no answer from the database within %.1f s", budget)
            if budget <= BUDGET_SECONDS and waited < SOON_SECONDS:
                self.gate.failed("no answer in time")
            raise DatabaseUnavailable("no answer in time")
        with translated():
            try:
                answer = work.result()
            except Exception as error:
                if is_away(error):
                    log.info("no answer from the database: %s", error)
                if is_outage(error):
                    self.gate.failed(error)
                raise
        self.gate.succeeded()
        return answer

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
            conn = await connect(self._url, f"{self._name} probe")
            async with conn:
                await inspect.ping(conn)

    async def _drop_old(self) -> None:
        # The pools' connections are from before the outage. Each dead one would cost a request.
        await self.pool.drain()
        await self.scan_pool.drain()


async def _call(
    pool: Pool,
    verb: Callable[Concatenate[psycopg.AsyncConnection, P], Awaitable[T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    async with pool.connection() as conn:
        return await verb(conn, *args, **kwargs)
