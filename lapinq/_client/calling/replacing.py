"""A transport in the place of all others, while it lasts: `lapinq.testing` uses it.

It acts on queues that exist already, in every thread of the process.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from lapinq._client.calling.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Generator

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.settings import ServerSettings


class InTransaction(Transport, Protocol):
    """A transport in the transaction of the caller's `connection`."""

    @property
    def connection(self) -> Any: ...
    def check_plain(self) -> None:
        """Raises TypeError if the connection is for coroutines."""
        ...

    def check_async(self) -> None:
        """Raises TypeError if it is for plain code."""
        ...


class Replacement(Transport, Protocol):
    def in_transaction(self, transport: InTransaction) -> Transport | None:
        """Carries the calls made with `using(connection)`; None if `transport` shall do so."""
        ...


_replacements: list[Replacement] = []


@contextlib.contextmanager
def replaced_by(replacement: Replacement) -> Generator[None]:
    """`replacement` carries all calls. Of nested ones the innermost acts."""
    _replacements.append(replacement)
    try:
        yield
    finally:
        _replacements.remove(replacement)


class Replaceable:
    """Carries calls over `transport`, or over what replaces it at that moment. `in_transaction` is the transport if it
    works in the caller's transaction."""

    def __init__(self, transport: Transport, in_transaction: InTransaction | None = None) -> None:
        self._transport = transport
        self._in_transaction = in_transaction

    @property
    def max_in_batch(self) -> int | None:
        return self._transport.max_in_batch  # a test meets the limit that production has

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return self._current().send(call, server, timeout)

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return await self._current().asend(call, server, timeout)

    def close(self) -> None:
        self._transport.close()

    async def aclose(self) -> None:
        await self._transport.aclose()

    def _current(self) -> Transport:
        if not _replacements:
            return self._transport
        if self._in_transaction is None:
            return _replacements[-1]
        return _replacements[-1].in_transaction(self._in_transaction) or self._transport
