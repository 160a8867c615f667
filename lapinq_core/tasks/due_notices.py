"""Wakes the promotion of delayed tasks when one falls due sooner than the next look.

Every process that promotes looks a few times a second, and sleeps only until the next known task is due. A task stored
meanwhile for a moment from now is announced after the commit, on a channel of its own, with the seconds until it is
due. The notice is a hint, sent only for tasks due within a second: without it the task starts at the next look.
"""

import asyncio
import time
from collections.abc import Iterable

from lapinq_core.db.notify.channels import DELAYED_CHANNEL, SOON_SECONDS
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import Pool


class DueTimer:
    """Sets `fired` when a task that it was told of falls due; the reader clears it before it looks. One event loop owns
    it."""

    def __init__(self) -> None:
        self.fired = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._when = 0.0  # by the loop's clock; uvloop's handles do not always know

    def heard(self, payload: str) -> None:
        """NOTIFY: the seconds. "" means that a notice may have been missed."""
        try:
            seconds = float(payload or 0)
        except ValueError:
            return  # not from us
        self.fire_in(seconds)

    def fire_in(self, seconds: float) -> None:
        """A task is due in this many seconds. Ignored unless that is soon."""
        if not seconds <= SOON_SECONDS:
            return
        when = asyncio.get_running_loop().time() + max(0.0, seconds)
        if self._timer is not None:
            if self._when <= when:
                return  # the look at that time finds the next one
            self._timer.cancel()
        self._when = when
        self._timer = asyncio.get_running_loop().call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.fired.set()


def delayed_notifier(pool: Pool) -> Notifier:
    """The notifier for `announce`."""
    return Notifier(pool, DELAYED_CHANNEL, _soonest)


def announce(notifier: Notifier, seconds: float | None) -> None:
    """Announces, after the commit, that a task is due in this many seconds. None: there is no such task."""
    if seconds is not None and seconds <= SOON_SECONDS:
        # A point in time, not a duration: the notice may wait before it is sent.
        notifier.wake([repr(time.monotonic() + seconds)])


def _soonest(times: Iterable[str]) -> list[str]:
    return [f"{max(0.0, min(map(float, times)) - time.monotonic()):.4f}"]
