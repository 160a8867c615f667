"""A rescue as the worker's rescuer does it, whatever its calm."""

import math

from lapinq_core.fleet import workers
from lapinq_core.upkeep import passes
from tests.support.factories import Conn

ANY_TIME = math.inf
"""What to expect of the database's clock in order to believe whatever it shows."""


async def rescue_all(conn: Conn, limit: int = passes.PASS_LIMIT) -> dict[str, str | None]:
    """Declares late workers dead and rescues until nothing is left to rescue."""
    await workers.declare_dead(conn, ANY_TIME)
    rescued: dict[str, str | None] = {}
    while some := await passes.rescue(conn, ANY_TIME, 0.5, limit):
        rescued.update(some)
    return rescued
