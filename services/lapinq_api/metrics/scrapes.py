"""One page of metrics at a time, made off the event loop; whoever asks meanwhile gets the same.

With hundreds of queues a page takes tens of milliseconds of the processor, and anybody may ask for it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client.core import Metric

from lapinq_core.runtime.metrics import Metrics, wants_openmetrics

Page = tuple[bytes, str]


class Scrapes:
    """Of one application."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._under_way: dict[bool, asyncio.Task[Page]] = {}

    async def page(self, accept: str, ask: Callable[[], Awaitable[list[Metric]]]) -> Page:
        """The text that the header `accept` asks for, with what `ask` adds, and its content type."""
        kind = wants_openmetrics(accept)
        making = self._under_way.get(kind)
        if making is None:
            making = self._under_way[kind] = asyncio.create_task(self._make(accept, ask), name="metrics")
            making.add_done_callback(lambda _: self._under_way.pop(kind))
        return await asyncio.shield(making)

    async def _make(self, accept: str, ask: Callable[[], Awaitable[list[Metric]]]) -> Page:
        asked = await ask()
        return await asyncio.to_thread(self._metrics.text, accept, asked)
