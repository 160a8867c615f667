"""When a maintenance job is due: at its interval on duty, rarely otherwise, and later after a pass that took long."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from lapinq_core.db.errors import is_outage
from lapinq_core.db.pool import PooledConnection
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
    longer: a scan over dead rows, which finds nothing, then uses little of the database. It rests after a pass that
    failed, too, but not after an outage. `wake` ends a pause once `floor` seconds of it are over.
    """

    name: str
    interval: float
    call: Callable[[PooledConnection], Awaitable[float | None]]
    rest: float = REST_FACTOR
    wake: asyncio.Event | None = None
    floor: float = 0.0
    is_shared: bool = True


def paced(
    job: Job,
    connect: Callable[[], AbstractAsyncContextManager[PooledConnection]],
    duty: Duty,
    living: Callable[[], int],
) -> Callable[[], Awaitable[float]]:
    """The turn of a `Loop` that does `job`. `connect` lends a connection for a pass. `living` is the number of
    workers."""
    due_at = rests_until = 0.0

    async def turn() -> float:
        nonlocal due_at, rests_until
        now = time.monotonic()
        if now < rests_until:
            return rests_until - now
        if job.is_shared:
            if not duty.is_on and now < due_at:
                return min(max(job.interval, duty.starts_in) + 0.001, due_at - now)
            factor = max(OFF_DUTY_FACTOR, OFF_DUTY_SHARE * living())
            rarely = min(job.interval * factor, OFF_DUTY_MAX_SECONDS)
            due_at = now + max(job.interval, rarely)
        async with connect() as conn:
            began = time.monotonic()  # the wait for the connection was no scan
            try:
                pause = await job.call(conn)
            except BaseException as error:
                if not is_outage(error):
                    rests_until = time.monotonic() + rest_after(began)
                raise
        return max(job.interval, rest_after(began)) if pause is None else pause

    def rest_after(began: float) -> float:
        return min(job.rest * (time.monotonic() - began), MAX_REST_SECONDS)

    return turn
