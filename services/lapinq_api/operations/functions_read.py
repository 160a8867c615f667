"""The figures of all task functions, which take long to read: once for all who look at them within a while."""

import psycopg

from lapinq_api.batching.long_windows import KEPT_SHARE, LongWindows
from lapinq_core.domain.figures import Window
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.figures.functions import FunctionTotals, functions

KEPT_SECONDS = 5.0
"""The shortest time: workers report every ten seconds."""


async def read_functions(
    conn: psycopg.AsyncConnection, long: LongWindows, window: Window, readable: Readable
) -> list[FunctionTotals]:
    kept = max(KEPT_SECONDS, KEPT_SHARE * window.width)
    return await long.hold(kept, functions, conn, window, readable)
