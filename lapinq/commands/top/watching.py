"""The loop: draw, read keys, fetch the figures, make changes, until somebody quits."""

import logging
import time
from datetime import datetime
from functools import partial

import msgspec

from lapinq.commands.console.api import Api
from lapinq.commands.console.failure import Failed
from lapinq.commands.top.caller import Caller, Following
from lapinq.commands.top.full_screen import FullScreen
from lapinq.commands.top.looking import Looking, carry_out
from lapinq.commands.top.panes import Pane, Seen
from lapinq.commands.top.picture import Frame, picture
from lapinq.commands.top.view import Change, Order, View, noted, press, warned

_PATIENCE_SECONDS = 1.0
"""How long it waits for a key while an answer is due. The clock in the title goes on."""


def watch(api: Api, looking: Looking, place: str, interval: float) -> None:
    """Shows what happens, until somebody quits. Ctrl-C and SIGTERM raise, with the terminal restored."""
    seen = looking.first(api)
    logging.getLogger().addHandler(logging.NullHandler())  # a line of the log would damage the picture
    with FullScreen() as screen:
        _Watch(api, looking, screen, seen).run(place, interval)


class _Watch:
    def __init__(self, api: Api, looking: Looking, screen: FullScreen, seen: Seen) -> None:
        self._api = api
        self._looking = looking
        self._screen = screen
        self._seen: Seen = seen
        self._view = View().keeping(seen)
        self._looks = Caller(screen.wake)
        self._orders = Caller(screen.wake)
        self._is_stale = False

    def run(self, place: str, interval: float) -> None:
        due = time.monotonic() + interval
        while not self._view.is_over:
            frame = Frame(place=place, interval=interval, clock=f"{datetime.now().astimezone():%H:%M:%S}")
            self._screen.draw(picture(self._seen, self._view, frame, *self._screen.size))
            until = time.monotonic() + _PATIENCE_SECONDS if self._looks.is_busy else due
            for key in self._screen.keys(until):
                self._press(key)
            self._orders.follow()
            self._looks.follow()
            if not self._looks.is_busy and (self._is_stale or time.monotonic() >= due):
                due = time.monotonic() + interval
                self._is_stale = False
                self._looks.call(partial(self._look, self._view.pane))

    def _press(self, key: str) -> None:
        pane = self._view.pane
        self._view, order = press(self._view, self._seen, key)
        self._is_stale |= self._view.pane is not pane and self._view.pane is Pane.FAILED
        if order is not None:
            self._order(order)

    def _order(self, order: Order) -> None:
        if self._orders.is_busy:
            self._view = warned(self._view, "wait until the order before is carried out")
            return
        change = order if isinstance(order, Change) else order.change
        self._view = noted(self._view, f"{change.doing} …")
        self._orders.call(partial(self._carry_out, order))

    def _carry_out(self, order: Order) -> Following:
        following = carry_out(self._api, order)

        def show() -> None:
            self._view = following(self._view)
            self._is_stale = True

        return show

    def _look(self, pane: Pane) -> Following:
        try:
            seen = self._looking.look(self._api, pane)
        except Failed as error:
            message = error.message
            return lambda: self._show(msgspec.structs.replace(self._seen, error=message))
        return lambda: self._show(seen)

    def _show(self, seen: Seen) -> None:
        if seen.failed is None:
            seen = msgspec.structs.replace(seen, failed=self._seen.failed)
        self._seen = seen
        self._view = self._view.keeping(seen)
