"""A rescue like the worker's rescuer's, without its pauses."""

import math

from lapinq_core.fleet import workers
from lapinq_core.upkeep import maintenance_jobs, rescuing
from tests.support.rows.factories import Conn

ANY_TIME = math.inf
"""The expected time with which any reading of the database's clock is believed."""


async def rescue_all(conn: Conn, limit: int = maintenance_jobs.PASS_LIMIT) -> dict[str, str | None]:
    """Declares late workers dead and rescues until nothing is left to rescue."""
    await workers.declare_dead(conn, ANY_TIME)
    rescued: dict[str, str | None] = {}
    while some := await rescuing.rescue(conn, ANY_TIME, 0.5, limit):
        rescued.update(some)
    return rescued
