"""Loads each watched page once for all its viewers, and renders it once for all who see the same.

A feed is a page with its parameters, for those who may read the same queues. While it has viewers, it is loaded every
two seconds, or soon after a change. The pause grows with the cost of loading, so that viewers use only a share of the
process; what a user of the dashboard did is shown without it. A viewer gets the difference from what they were sent
before, which is encoded once for all.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

import msgspec

from lapinq_api.batching.changes import Changes
from lapinq_api.dashboard.live import badges
from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.view import Elsewhere, PageAddress, View
from lapinq_api.overload.fair_share import CALLER
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.runtime.loops import pause_for

INTERVAL_SECONDS = 2.0
MIN_INTERVAL_SECONDS = 0.25
LIST_INTERVAL_SECONDS = 1.0
COST_FACTOR = 4.0
"""The pause after an update, in multiples of the time to load, render and send it."""

LIVE_PAGES = "live pages"
"""The caller for whom they are loaded: all viewers together."""

log = logging.getLogger(__name__)


class Snapshot:
    """What an audience sees: the HTML of each part."""

    def __init__(self, parts: dict[str, str]) -> None:
        self.parts = parts
        self._news: tuple[object, str | None] | None = None

    def changes_since(self, before: "Snapshot | None") -> str | None:
        """A message with the parts that differ from `before`; None if none does."""
        if self._news is None or self._news[0] is not before:
            old = before.parts if before else {}
            changed = {part: html for part, html in self.parts.items() if old.get(part) != html}
            text = msgspec.json.encode({"parts": changed}).decode() if changed else None
            self._news = (before, text)
        return self._news[1]


class Feed:
    """A watched page. `problem` says why it can't be shown at the moment."""

    def __init__(self, state: State, view: View, address: PageAddress, readable: Readable) -> None:
        self._state = state
        self._readable = readable
        self._view = view
        self._address = address
        self._updates = Changes()
        self._missing = asyncio.Event()
        self._shown: dict[Audience, Snapshot] = {}
        self.audiences: Counter[Audience] = Counter()
        self.problem: Exception | None = None
        self.update_count = 0
        self.task: asyncio.Task[None] | None = None

    def next(self) -> asyncio.Event:
        """An event that the next update sets."""
        return self._updates.next()

    def shown_to(self, audience: Audience) -> Snapshot | None:
        """What `audience` sees since the last update; None before the first one."""
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
        """Updates the page until cancelled."""
        CALLER.set(LIVE_PAGES)
        loop = asyncio.get_running_loop()
        while not self._state.stopping.is_set():
            news, act = self._state.changes.next(), self._state.acts.next()
            self._missing.clear()
            began = loop.time()
            try:
                await self._update()
            except Exception:  # as in a loop: the next update may succeed
                log.exception("could not update a page for its viewers")
            self.update_count += 1
            self._updates.on_notify("")
            await asyncio.sleep(0)  # lets the viewers send
            cost = loop.time() - began
            least = LIST_INTERVAL_SECONDS if self._view.is_list else MIN_INTERVAL_SECONDS
            pause = max(least, COST_FACTOR * cost)
            shortest = max(MIN_INTERVAL_SECONDS, cost)  # also where users act without a pause
            await pause_for(shortest, self._state.stopping, self._missing)
            await pause_for(pause - shortest, act, self._state.stopping, self._missing)
            await pause_for(INTERVAL_SECONDS, news, act, self._missing, self._state.stopping)

    async def _update(self) -> None:
        try:
            async with self._state.page_queries:
                values = await self._view.load(self._state, self._address, self._readable)
                await badges.refresh(self._state)
        except (DatabaseUnavailable, Elsewhere, InvalidValue, Refused) as error:
            self.problem = error
            return
        self.problem = None
        for audience in tuple(self.audiences):
            payloads = self._state.payloads.for_(audience.actor)
            parts = self._view.render_parts({**values, "payloads": payloads}, audience)
            if self._view.template:  # a page, and not the fragments for other programs
                parts |= badges.badges(self._state, audience)
            before = self._shown.get(audience)
            if before is None or before.parts != parts:
                self._shown[audience] = Snapshot(parts)


class Hub:
    """The feeds of one application. Used by one event loop."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._feeds: dict[tuple[View, str, Readable], Feed] = {}

    @contextmanager
    def watching(self, view: View, address: PageAddress, audience: Audience) -> Generator[Feed]:
        """The feed of a page, while the context lasts."""
        key = (view, address.key, audience.queues)  # two views have the path "/"
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(self._state, view, address, audience.queues)
            feed.task = asyncio.create_task(feed.run(), name=f"feed {view.path}")
        feed.add(audience)
        try:
            yield feed
        finally:
            feed.remove(audience)
            if not feed.audiences and feed.task is not None:
                feed.task.cancel()
                del self._feeds[key]
