"""Figures that take long to read, read once for all who look at them within a while.

A chart of a week has a point for two hours: nobody sees that its last point is a minute old, while reading it takes
longer than all else on its page.
"""

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg

from lapinq_core.domain.figures import Window

KEPT_SHARE = 1 / 120
"""Figures are kept for this share of the time between two points: a minute for a week, 7.5 s for a day."""
SHORTEST_WIDTH = 900
"""Seconds between two points; windows with closer points are read at each look."""
MAX_KEPT = 200

_Chosen = ParamSpec("_Chosen")
_Figures = TypeVar("_Figures")


class LongWindows:
    """Used by one event loop."""

    def __init__(self, kept_share: float = KEPT_SHARE) -> None:
        self._kept_share = kept_share
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    async def read(
        self,
        read: Callable[Concatenate[psycopg.AsyncConnection, Window, _Chosen], Awaitable[_Figures]],
        conn: psycopg.AsyncConnection,
        window: Window,
        *chosen: _Chosen.args,
        **named: _Chosen.kwargs,
    ) -> _Figures:
        """What `read` answers, or answered a short while ago. Everything it is given must be hashable."""
        if window.width < SHORTEST_WIDTH:
            return await read(conn, window, *chosen, **named)
        return await self.hold(self._kept_share * window.width, read, conn, window, *chosen, **named)

    async def hold(
        self,
        seconds: float,
        read: Callable[Concatenate[psycopg.AsyncConnection, _Chosen], Awaitable[_Figures]],
        conn: psycopg.AsyncConnection,
        *chosen: _Chosen.args,
        **named: _Chosen.kwargs,
    ) -> _Figures:
        """What `read` answers, or answered less than `seconds` ago, unless that was nothing.

        Everything it is given must be hashable.
        """
        key = (read, chosen, tuple(named.items()))
        now = time.monotonic()
        until, figures = self._kept.get(key, (now, None))
        if now < until:
            return figures
        found = await read(conn, *chosen, **named)
        self._kept.pop(key, None)  # a new entry goes to the end
        if found:
            self._kept[key] = (now + seconds, found)
        if len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        return found
