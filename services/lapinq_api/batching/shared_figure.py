"""A figure that many pages show. The database is asked for it at most once in a while, by one for all."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from lapinq_api.overload.fair_share import CALLER, SERVER
from lapinq_api.wire.errors import Busy
from lapinq_core.db.errors import DatabaseUnavailable

T = TypeVar("T")


class SharedFigure(Generic[T]):
    """`value` is the last answer, None before the first one. While the database is unavailable or busy, it stays."""

    def __init__(self, seconds: float) -> None:
        self.value: T | None = None
        self._seconds = seconds
        self._asked_at: float | None = None
        self._asking = asyncio.Lock()

    async def refresh(self, ask: Callable[[], Awaitable[T]]) -> None:
        """Asks again, unless somebody did within the seconds. Others needn't wait for a second answer at once."""
        async with self._asking:
            if self._asked_at is not None and time.monotonic() - self._asked_at < self._seconds:
                return
            self._asked_at = time.monotonic()
            caller = CALLER.set(SERVER)  # not only for the one who came first
            try:
                self.value = await ask()
            except (DatabaseUnavailable, Busy):
                return
            finally:
                CALLER.reset(caller)
