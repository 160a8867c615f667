"""The interface of the caller's connection, whatever its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from lapinq._client.transaction.statements import Row, Statement
    from lapinq_core.db.channels import Notice


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

    async def fetch(self, statement: Statement) -> Sequence[Row]: ...

    def nested(self) -> AbstractAsyncContextManager[object]: ...

    async def announce(self, notices: set[Notice]) -> None: ...


class ForCoroutines(Protocol):
    """A type checker recognizes the connections of coroutines by this."""

    async def execute(self, *args: Any, **kwargs: Any) -> Any: ...


@runtime_checkable
class LendsSync(Protocol):
    """A connection for coroutines that runs code for a `SyncConnection`, as SQLAlchemy's do."""

    async def run_sync(self, work: Callable[[SyncConnection], Any]) -> Any: ...
