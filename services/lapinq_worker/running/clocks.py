"""The clocks of this machine that nobody sets. They differ while the machine is suspended.

Attempts and their time limits are measured by the clock that stands still then. Leases and times to live end by the
clock that goes on, because others count them meanwhile. If the system has no such clock, both are the same.
"""

import time
from functools import partial
from typing import NamedTuple

elapsed = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Seconds on the clock that goes on while the machine is suspended. Called for each task, so no function wraps it."""


class Moment(NamedTuple):
    """Both clocks at the same moment, in seconds: time.monotonic, and the one that goes on while it is suspended."""

    awake: float
    elapsed: float


NEVER = Moment(float("-inf"), float("-inf"))


def moment() -> Moment:
    """The time by both clocks now."""
    return Moment(time.monotonic(), elapsed())
