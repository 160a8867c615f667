"""Sends the calls of all queues to a test's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lapinq._client.database.transport import Direct

if TYPE_CHECKING:
    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.settings import ServerSettings


class ToDatabase:
    """A transport like that of a `TaskQueue(url)`, whatever the URL of the queue."""

    max_in_batch: int | None = None

    def __init__(self, url: str) -> None:
        self._url = url
        self._direct = Direct()

    def in_transaction(self, transport: object) -> None:
        """The connection itself stores the tasks."""

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return self._direct.send(call, _Address(self._url, timeout=server.timeout), timeout)

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return await self._direct.asend(call, _Address(self._url, timeout=server.timeout), timeout)

    def close(self) -> None:
        self._direct.close()

    async def aclose(self) -> None:
        await self._direct.aclose()


class _Address(msgspec.Struct):
    server_url: str
    api_key: str | None = None
    timeout: float = 30.0
