"""A transport in the place of all others, while it lasts: `lapinq.testing` uses it.

It acts on queues that exist already, in every thread of the process.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.calling.transport import Transport
    from lapinq._client.settings import ServerSettings

_replacements: list[Transport] = []


@contextlib.contextmanager
def replaced_by(transport: Transport) -> Generator[None]:
    """`transport` carries all calls. Of nested replacements the innermost acts."""
    _replacements.append(transport)
    try:
        yield
    finally:
        _replacements.remove(transport)


class Replaceable:
    """Carries calls over `transport`, or over what replaces it at that moment."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return self._current().send(call, server, timeout)

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return await self._current().asend(call, server, timeout)

    def close(self) -> None:
        self._transport.close()

    async def aclose(self) -> None:
        await self._transport.aclose()

    def _current(self) -> Transport:
        return _replacements[-1] if _replacements else self._transport
