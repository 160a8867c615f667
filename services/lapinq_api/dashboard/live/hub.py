"""Looks for all viewers of the same thing at once, and renders for all who are shown the same.

A feed is a page with what narrows it down. While somebody watches it, it is loaded every two seconds, or soon after
something changed; the more that costs, the longer the pause after it, so that viewers never take more than a share of
the process. What a viewer gets is the difference to what they were sent before, encoded once for all of them.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

import msgspec

from lapinq_api.batching.changes import Changes
from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.view import Asked, View
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.runtime.loops import pause_for

INTERVAL_SECONDS = 2.0
LEAST_INTERVAL_SECONDS = 0.25
COST_FACTOR = 4.0
"""The pause after a look, in multiples of what it took to look, render and send."""

log = logging.getLogger(__name__)


class Shown:
    """What an audience is shown by one look: the content of each part."""

    def __init__(self, parts: dict[str, str]) -> None:
        self.parts = parts
        self._news: tuple[object, str | None] | None = None

    def news_since(self, before: "Shown | None") -> str | None:
        """The parts that differ from `before`, as a message; None when none does."""
        if self._news is None or self._news[0] is not before:
            old = before.parts if before else {}
            changed = {part: html for part, html in self.parts.items() if old.get(part) != html}
            text = msgspec.json.encode({"parts": changed}).decode() if changed else None
            self._news = (before, text)
        return self._news[1]


class Feed:
    """One page, watched. `problem` says why it can't be shown, None as long as it can."""

    def __init__(self, state: State, view: View, asked: Asked) -> None:
        self._state = state
        self._view = view
        self._asked = asked
        self._turns = Changes()
        self._missing = asyncio.Event()
        self._shown: dict[Audience, Shown] = {}
        self.audiences: Counter[Audience] = Counter()
        self.problem: Exception | None = None
        self.look_count = 0
        self.task: asyncio.Task[None] | None = None

    def next(self) -> asyncio.Event:
        """Set with the next look after this call."""
        return self._turns.next()

    def shown_to(self, audience: Audience) -> Shown | None:
        """What the last look found, None before the first for that audience."""
        return self._shown.get(audience)

    def add(self, audience: Audience) -> None:
        self.audiences[audience] += 1
        if audience not in self._shown:
            self._missing.set()

    def remove(self, audience: Audience) -> None:
        self.audiences[audience] -= 1
        if not self.audiences[audience]:
            del self.audiences[audience]
            self._shown.pop(audience, None)

    async def run(self) -> None:
        """Looks again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while not self._state.stopping.is_set():
            news = self._state.changes.next()
            self._missing.clear()
            began = loop.time()
            try:
                await self._look()
            except Exception:  # a loop's turn: the next look may succeed
                log.exception("a page could not be made for its viewers")
            self.look_count += 1
            self._turns.heard("")
            await asyncio.sleep(0)  # viewers are woken, and send
            pause = max(LEAST_INTERVAL_SECONDS, COST_FACTOR * (loop.time() - began))
            await pause_for(pause, self._state.stopping, self._missing)
            await pause_for(INTERVAL_SECONDS, news, self._missing, self._state.stopping)

    async def _look(self) -> None:
        try:
            async with self._state.looks:
                values = await self._view.load(self._state, self._asked)
        except (DatabaseUnavailable, InvalidValue, Refused) as error:
            self.problem = error
            return
        self.problem = None
        for audience in tuple(self.audiences):
            payloads = self._state.payloads.for_(audience.actor)
            parts = self._view.render_parts({**values, "payloads": payloads}, audience)
            before = self._shown.get(audience)
            if before is None or before.parts != parts:
                self._shown[audience] = Shown(parts)


class Hub:
    """The feeds of one application. Of one event loop."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._feeds: dict[tuple[str, str], Feed] = {}

    @contextmanager
    def watching(self, view: View, asked: Asked, audience: Audience) -> Generator[Feed]:
        """The feed of that page, for as long as the context lasts."""
        key = (view.path, asked.key)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(self._state, view, asked)
            feed.task = asyncio.create_task(feed.run(), name=f"feed {view.path}")
        feed.add(audience)
        try:
            yield feed
        finally:
            feed.remove(audience)
            if not feed.audiences and feed.task is not None:
                feed.task.cancel()
                del self._feeds[key]
