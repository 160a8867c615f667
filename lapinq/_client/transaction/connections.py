"""The interface of the caller's connection, whatever its driver."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from lapinq._client.transaction.statements import Row, Statement
    from lapinq_core.db.notify.channels import Notice

T = TypeVar("T")

TASKS_AT_ONCE_BESIDE = 250
"""Few, as the next are read while the database stores these."""


class SyncConnection(Protocol):
    @property
    def announces_at_once(self) -> bool:
        """Whether notices go along with the tasks, in the transaction: there is no hook after its commit."""
        ...

    def fetch(self, statement: Statement) -> Sequence[Row]:
        """Execute the statement in the caller's transaction. Raises the driver's errors."""
        ...

    def nested(self) -> AbstractContextManager[object]:
        """A savepoint in the caller's transaction. Where every statement is its own transaction: a transaction."""
        ...

    def announce(self, notices: set[Notice]) -> None:
        """Send the notices when the caller's transaction has committed, or with its commit."""
        ...


class AsyncConnection(Protocol):
    @property
    def announces_at_once(self) -> bool: ...

    @property
    def tasks_at_once(self) -> int:
        """How many a statement stores."""
        ...

    async def fetch(self, statement: Statement) -> Sequence[Row]: ...

    async def fetch_beside(self, statement: Statement, work: Callable[[], T]) -> tuple[Sequence[Row], T]:
        """`work` is done while the statement runs, where that is possible. What it raises takes the statement back."""
        ...

    def nested(self) -> AbstractAsyncContextManager[object]: ...

    async def announce(self, notices: set[Notice]) -> None: ...


class ForCoroutines(Protocol):
    """A type checker recognizes the connections of coroutines by this."""

    async def execute(self, *args: Any, **kwargs: Any) -> Any: ...


@runtime_checkable
class LendsSync(Protocol):
    """A connection for coroutines that runs code for a `SyncConnection`, as SQLAlchemy's do."""

    async def run_sync(self, work: Callable[[SyncConnection], Any]) -> Any: ...


async def beside(
    fetching: Coroutine[Any, Any, Sequence[Row]], work: Callable[[], T]
) -> tuple[Sequence[Row], T]:
    """Does `work` when `fetching` has sent its statement."""
    task = asyncio.ensure_future(fetching)
    try:
        await asyncio.sleep(0)
        done = work()
    except BaseException:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return await task, done
