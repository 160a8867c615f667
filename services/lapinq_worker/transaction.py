"""A transaction in which an attempt ends itself together with what its function writes.

The completion goes last and matches the claim's token: when the task was given to another worker meanwhile nothing at
all is written. A commit whose answer is lost raises in the function; the worker then finds by the token that the end
is written already.
"""

import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any

import psycopg

from lapinq_core.db.pool import connect, connect_sync
from lapinq_core.domain.context import Transaction
from lapinq_core.domain.errors import LeaseLost, NoTask
from lapinq_core.domain.outcome import Completed
from lapinq_core.queue import finish
from lapinq_worker.outcomes import returned

_NAME = "lapinq-worker task"


class AttemptTransaction(Transaction):
    """Of the attempt at `task_id` that holds `token` and runs since `started` (time.perf_counter).

    `result` is what the function is to be said to have returned, `log` what it logged, asked for at the end.
    `committed` is called once all of it is written.
    """

    def __init__(
        self,
        url: str | None,
        task_id: str,
        token: str,
        result: Any,
        *,
        started: float,
        log: Callable[[], str | None] = lambda: None,
        committed: Callable[[], None],
    ) -> None:
        """Raises TypeError for a result that can't be stored and `NoTask` for fire and forget."""
        if not task_id or url is None:
            raise NoTask("a fire-and-forget task has no end that could be committed")
        outcome = returned(result)
        if not isinstance(outcome, Completed):
            raise TypeError(f"the result can't be stored as JSON: {result!r}")
        self._url = url
        self._task_id = task_id
        self._token = token
        self._result = outcome.result
        self._started = started
        self._log = log
        self._committed = committed

    def __enter__(self) -> psycopg.Connection:
        self._sync = self._transaction()
        return self._sync.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._sync.__exit__(kind, error, trace)

    async def __aenter__(self) -> psycopg.AsyncConnection:
        self._async = self._atransaction()
        return await self._async.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._async.__aexit__(kind, error, trace)

    @contextmanager
    def _transaction(self) -> Generator[psycopg.Connection]:
        with connect_sync(self._url, _NAME) as conn:
            with conn.transaction():
                yield conn
                if not finish.complete_one(conn, *self._end()):
                    raise LeaseLost
            self._committed()

    @asynccontextmanager
    async def _atransaction(self) -> AsyncGenerator[psycopg.AsyncConnection]:
        async with await connect(self._url, _NAME) as conn:
            async with conn.transaction():
                yield conn
                if not await finish.acomplete_one(conn, *self._end()):
                    raise LeaseLost
            self._committed()

    def _end(self) -> tuple[str, str, str, float, str | None]:
        seconds = time.perf_counter() - self._started
        return self._task_id, self._token, self._result, seconds, self._log()
