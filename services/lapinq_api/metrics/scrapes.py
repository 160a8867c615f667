"""Renders one page of metrics at a time, in a thread. Simultaneous scrapes share it.

With hundreds of queues a page takes tens of milliseconds of CPU, and anyone may request it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client.core import Metric

from lapinq_core.monitoring.metrics import Metrics, wants_openmetrics

Page = tuple[bytes, str]


class Scrapes:
    """The scrapes of one application."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._in_flight: dict[bool, asyncio.Task[Page]] = {}

    async def page(self, accept: str, ask: Callable[[], Awaitable[list[Metric]]]) -> Page:
        """The page in the format of the `Accept` header, including metrics from `ask`, and its content type."""
        kind = wants_openmetrics(accept)
        making = self._in_flight.get(kind)
        if making is None:
            making = self._in_flight[kind] = asyncio.create_task(self._make(accept, ask), name="metrics")
            making.add_done_callback(lambda _: self._in_flight.pop(kind))
        return await asyncio.shield(making)

    async def _make(self, accept: str, ask: Callable[[], Awaitable[list[Metric]]]) -> Page:
        asked = await ask()
        return await asyncio.to_thread(self._metrics.text, accept, asked)
