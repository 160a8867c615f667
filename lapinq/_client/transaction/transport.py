"""Enqueueing, and sending signals, in the caller's transaction: they exist if it commits, and its savepoint, and only
then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapinq._client.calling.calls import SendSignal, Storing
from lapinq._client.transaction.connections import LendsSync
from lapinq._client.transaction.drivers import adapted, driver_of, is_async
from lapinq._client.transaction.storing import astore, store

if TYPE_CHECKING:
    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.settings import ServerSettings


class InTransaction:
    """A transport over a connection that belongs to the caller. All it can do is enqueue, and send signals.

    Raises the driver's errors, which end the transaction. So no call is repeated.
    """

    max_in_batch: int | None = None

    def __init__(self, connection: Any) -> None:
        """Raises TypeError if it is no connection of a known driver."""
        self.connection = connection
        self._driver = driver_of(connection)
        self.is_async = is_async(self._driver)

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        """Raises TypeError if the connection is for coroutines."""
        self.check_plain()
        assert isinstance(call, Storing | SendSignal)
        connection: Any = adapted(self.connection, self._driver)
        return store(connection, call)

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        """Raises TypeError if the connection is for plain code."""
        self.check_async()
        assert isinstance(call, Storing | SendSignal)
        connection: Any = adapted(self.connection, self._driver)
        if isinstance(connection, LendsSync):
            return await connection.run_sync(lambda sync: store(sync, call))
        return await astore(connection, call)

    def close(self) -> None:
        """The caller closes the connection."""

    async def aclose(self) -> None:
        """The caller closes the connection."""

    def check_plain(self) -> None:
        """Raises TypeError if the connection is for coroutines."""
        if self.is_async:
            raise TypeError(f"{self._named()} is for coroutines: use aqueue() and await it, not queue()")

    def check_async(self) -> None:
        """Raises TypeError if the connection is for plain code."""
        if not self.is_async:
            raise TypeError(f"{self._named()} is for plain code: use queue(), not aqueue()")

    def _named(self) -> str:
        return f"{type(self.connection).__module__}.{type(self.connection).__qualname__}"
