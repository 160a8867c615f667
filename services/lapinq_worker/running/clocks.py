"""The clocks of this machine that nobody sets. They differ in what they do while the machine is suspended.

Attempts run, and their time limits count, by the one that stands still then. Leases and times to live end by the one
that goes on, for others count them meanwhile. Where the system has no such clock, both are the same.
"""

import time
from functools import partial
from typing import NamedTuple

elapsed = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Seconds on the clock that goes on while the machine is suspended. Asked for each task, so no function around it."""


class Moment(NamedTuple):
    """Both clocks at the same moment, in seconds: time.monotonic, and the one that goes on while it is suspended."""

    awake: float
    elapsed: float


NEVER = Moment(float("-inf"), float("-inf"))


def moment() -> Moment:
    """What they show now."""
    return Moment(time.monotonic(), elapsed())
