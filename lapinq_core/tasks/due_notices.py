"""Wakes those who make delayed tasks ready when one falls due sooner than they would look.

They look a few times a second, and sleep until the next task is due if that is sooner. What is stored for a moment
from now, while they sleep, is told them: on a channel of its own, after the commit, in how many seconds it will be due.
It is a hint, sent only for what is due within a second: who misses it is late by the time between two looks.
"""

import asyncio
import time
from collections.abc import Iterable

import psycopg
from psycopg_pool import AsyncConnectionPool

from lapinq_core.db.notifier import Notifier

DELAYED_CHANNEL = "lapinq_delayed"
"""In how many seconds a delayed task will be due; workers and schedulers listen."""
SOON_SECONDS = 1.0


class Alarm:
    """Sets `rung` when a task falls due that it was told of; one event loop owns it. Who looks clears `rung` before."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._when = 0.0  # by the loop's clock; uvloop's handles do not always know

    def heard(self, payload: str) -> None:
        """NOTIFY: the seconds; "" says that something may have been missed."""
        try:
            seconds = float(payload or 0)
        except ValueError:
            return  # not from us
        self.ring_in(seconds)

    def ring_in(self, seconds: float) -> None:
        """A task will be due in so many seconds. For one that is not due soon it does nothing."""
        if not seconds <= SOON_SECONDS:
            return
        when = asyncio.get_running_loop().time() + max(0.0, seconds)
        if self._timer is not None:
            if self._when <= when:
                return  # who looks then finds out when the next one is due
            self._timer.cancel()
        self._when = when
        self._timer = asyncio.get_running_loop().call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.rung.set()


def delayed_notifier(pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> Notifier:
    """One that tells of delayed tasks, for `announce`."""
    return Notifier(pool, DELAYED_CHANNEL, _soonest)


def announce(notifier: Notifier, seconds: float | None) -> None:
    """Lets whoever listens know, after the commit, that a task will be due in so many seconds; None: there is none."""
    if seconds is not None and seconds <= SOON_SECONDS:
        # When, and not in how long: it may wait before it is sent.
        notifier.wake([repr(time.monotonic() + seconds)])


def _soonest(times: Iterable[str]) -> list[str]:
    return [f"{max(0.0, min(map(float, times)) - time.monotonic()):.4f}"]
