"""Figures that take long to read, read once for all who look at them within a while.

A chart of a week has a point for two hours: nobody sees that its last point is a minute old, while reading it takes
longer than all else on its page. What people change is kept for `BRIEF_SECONDS` at most, for the looks of live pages,
and dropped when one of them changes something or opens a page.
"""

import random
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import psycopg

from lapinq_core.domain.figures import Window

BRIEF_SECONDS = 2.0
"""As often as a page looks."""
KEPT_SHARE = 1 / 120
"""Figures are kept for this share of the time between two points, if that is longer: a minute for a week, 7.5 s for a
day."""
MAX_KEPT = 200

_Chosen = ParamSpec("_Chosen")
_Figures = TypeVar("_Figures")


class _Kept(NamedTuple):
    until: float
    is_brief: bool
    figures: Any


class LongWindows:
    """Used by one event loop."""

    def __init__(self, kept_share: float = KEPT_SHARE) -> None:
        self._kept_share = kept_share
        self._kept: dict[Hashable, _Kept] = {}
        self._changes = 0

    async def read(
        self,
        read: Callable[Concatenate[psycopg.AsyncConnection, Window, _Chosen], Awaitable[_Figures]],
        conn: psycopg.AsyncConnection,
        window: Window,
        *chosen: _Chosen.args,
        **named: _Chosen.kwargs,
    ) -> _Figures:
        """What `read` answers, or answered a short while ago. Everything it is given must be hashable."""
        seconds = max(BRIEF_SECONDS, self._kept_share * window.width)
        return await self.hold(seconds, read, conn, window, *chosen, **named)

    async def hold(
        self,
        seconds: float,
        read: Callable[Concatenate[psycopg.AsyncConnection, _Chosen], Awaitable[_Figures]],
        conn: psycopg.AsyncConnection,
        *chosen: _Chosen.args,
        **named: _Chosen.kwargs,
    ) -> _Figures:
        """What `read` answers, or answered less than `seconds` ago, at most, unless that was nothing.

        Everything it is given must be hashable.
        """
        key = (read, chosen, tuple(named.items()))
        now, changes = time.monotonic(), self._changes
        kept = self._kept.get(key)
        if kept is not None and now < kept.until:
            return kept.figures
        found = await read(conn, *chosen, **named)
        self._kept.pop(key, None)  # a new entry goes to the end
        is_brief = seconds <= BRIEF_SECONDS
        if found and not (is_brief and changes != self._changes):
            # Not exactly as long: what one look has read would grow old in one look again, which would read all of it.
            self._kept[key] = _Kept(now + seconds * random.uniform(0.5, 1.0), is_brief, found)  # noqa: S311
        if len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        return found

    def forget_brief(self) -> None:
        """Drops what is kept for `BRIEF_SECONDS`, also what is being read."""
        self._changes += 1
        self._kept = {key: kept for key, kept in self._kept.items() if not kept.is_brief}
