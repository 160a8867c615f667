"""A transaction in which an attempt completes itself, together with what its function writes.

The completion goes last and matches the claim token: if another worker has the task by now, nothing is written. A
commit whose answer is lost raises in the function. The worker then finds by the token that the completion is written.
"""

import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Protocol

import psycopg

from lapinq_core.db.pool import connect, connect_sync
from lapinq_core.domain.errors import LeaseLost, NoTask
from lapinq_core.domain.tasks.context import Transaction
from lapinq_core.domain.tasks.outcome import Completed
from lapinq_core.tasks import completion
from lapinq_worker.running.outcomes import returned

_NAME = "lapinq-worker task"


class SelfCompleting(Protocol):
    """A running attempt that can complete itself."""

    @property
    def id(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def started(self) -> float:
        """By time.perf_counter."""
        ...

    @property
    def last_progress(self) -> tuple[int, str | None] | None:
        """Percent and message."""
        ...

    @property
    def spent(self) -> Mapping[str, float] | None:
        """Units of named limits."""
        ...

    def log_text(self) -> str | None:
        """What it has logged so far."""
        ...

    def database_url(self) -> str | None:
        """Where to write the completion."""
        ...

    def committed(self) -> None:
        """It has completed itself."""
        ...


class AttemptTransaction(Transaction):
    """`result` becomes the result of `attempt`, whatever its function returns."""

    def __init__(self, attempt: SelfCompleting, result: Any) -> None:
        """Raises TypeError for a result that can't be stored and `NoTask` for fire and forget."""
        if not attempt.id:
            raise NoTask("a fire-and-forget task has no end that could be committed")
        outcome = returned(result)
        if not isinstance(outcome, Completed):
            raise TypeError(f"the result can't be stored as JSON: {result!r}")
        self._attempt = attempt
        self._result = outcome.result

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
        with self._connect() as conn:
            with conn.transaction():
                yield conn
                if not completion.complete_one(conn, self._end()):
                    raise LeaseLost
            self._attempt.committed()

    @asynccontextmanager
    async def _atransaction(self) -> AsyncGenerator[psycopg.AsyncConnection]:
        async with await self._aconnect() as conn:
            async with conn.transaction():
                yield conn
                if not await completion.acomplete_one(conn, self._end()):
                    raise LeaseLost
            self._attempt.committed()

    def _end(self) -> completion.Completion:
        attempt = self._attempt
        return completion.Completion(
            task_id=attempt.id,
            token=attempt.token,
            result=self._result,
            seconds=time.perf_counter() - attempt.started,
            logs=attempt.log_text(),
            progress=attempt.last_progress,
            spent=attempt.spent,
        )

    # The frames below hold the URL, perhaps with a password. It must not appear in error reports that show frames.

    def _connect(self) -> psycopg.Connection:
        try:
            return connect_sync(self._url(), _NAME)
        except psycopg.Error as error:
            raise error.with_traceback(None) from None

    async def _aconnect(self) -> psycopg.AsyncConnection:
        try:
            return await connect(self._url(), _NAME)
        except psycopg.Error as error:
            raise error.with_traceback(None) from None

    def _url(self) -> str:
        url = self._attempt.database_url()
        if url is None:
            raise NoTask("this attempt does not know its database")
        return url
