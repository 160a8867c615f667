"""When a maintenance job is due: at its interval on duty, rarely otherwise, and later after a pass that took long."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from lapinq_core.runtime.loops import MAX_REST_SECONDS, REST_FACTOR
from lapinq_core.upkeep.duty import Duty

OFF_DUTY_FACTOR = 20.0
OFF_DUTY_SHARE = 5.0
OFF_DUTY_MAX_SECONDS = 3600.0
"""A process that is not on duty waits `OFF_DUTY_FACTOR` times as long between two passes of a job, or
`OFF_DUTY_SHARE` times for each worker of a large fleet, but at most `OFF_DUTY_MAX_SECONDS`."""


class Job(NamedTuple):
    """`call` makes a pass and returns the seconds to pause, or None. A shared job is for the process on duty.

    After None the job pauses for `interval`, or for `rest` times as long as the pass took, up to a minute, if that is
    longer: a scan over dead rows, which finds nothing, then uses little of the database.
    `wake` ends a pause once `floor` seconds of it are over.
    """

    name: str
    interval: float
    call: Callable[[], Awaitable[float | None]]
    rest: float = REST_FACTOR
    wake: asyncio.Event | None = None
    floor: float = 0.0
    is_shared: bool = True


def paced(job: Job, duty: Duty, living: Callable[[], int]) -> Callable[[], Awaitable[float]]:
    """The turn of a `Loop` that does `job`. `living` is the number of workers."""
    due_at = 0.0

    async def turn() -> float:
        nonlocal due_at
        if job.is_shared:
            if not duty.is_on and (now := time.monotonic()) < due_at:
                return min(max(job.interval, duty.starts_in) + 0.001, due_at - now)
            factor = max(OFF_DUTY_FACTOR, OFF_DUTY_SHARE * living())
            rarely = min(job.interval * factor, OFF_DUTY_MAX_SECONDS)
            due_at = time.monotonic() + max(job.interval, rarely)
        began = time.perf_counter()
        pause = await job.call()
        if pause is not None:
            return pause
        return max(job.interval, min(job.rest * (time.perf_counter() - began), MAX_REST_SECONDS))

    return turn
