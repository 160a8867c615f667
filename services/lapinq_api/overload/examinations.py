"""Runs one examination of the doctor at a time. Simultaneous requests share it, and those that follow soon."""

import asyncio
import time

from lapinq_core.doctor.examination import examine
from lapinq_core.doctor.finding import Report
from lapinq_core.runtime.settings import Settings

FRESH_SECONDS = 2.0


class Examinations:
    """The examinations of one application. They don't use its connections: these may be what is wrong."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._in_flight: asyncio.Task[Report] | None = None
        self._latest: Report | None = None
        self._fresh_until = 0.0

    async def report(self) -> Report:
        """At most `FRESH_SECONDS` old."""
        if self._latest is not None and time.monotonic() < self._fresh_until:
            return self._latest
        if self._in_flight is None:
            self._in_flight = asyncio.create_task(examine(self._settings), name="doctor")
            self._in_flight.add_done_callback(self._end)
        return await asyncio.shield(self._in_flight)

    def _end(self, examination: asyncio.Task[Report]) -> None:
        self._in_flight = None
        if not examination.cancelled() and examination.exception() is None:
            self._latest = examination.result()
            self._fresh_until = time.monotonic() + FRESH_SECONDS
