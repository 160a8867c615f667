"""The transport to a database, loaded with its first call.

The child processes of a worker import the modules of tasks, which make queues. They should not load a driver for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.database.transport import Direct
    from lapinq._client.settings import ServerSettings


class DirectOnFirstCall:
    max_in_batch: int | None = None

    def __init__(self) -> None:
        self._loaded: dict[str, Direct] = {}

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return self._direct().send(call, server, timeout)

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return await self._direct().asend(call, server, timeout)

    def close(self) -> None:
        for direct in self._loaded.values():
            direct.close()

    async def aclose(self) -> None:
        for direct in self._loaded.values():
            await direct.aclose()

    def _direct(self) -> Direct:
        if not self._loaded:
            from lapinq._client.database.transport import Direct

            self._loaded.setdefault("direct", Direct())  # the first of several threads
        return self._loaded["direct"]
