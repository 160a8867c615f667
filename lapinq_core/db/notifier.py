"""Sends NOTIFY after the commit and never inside it: wakes the workers of queues that got work, and tells of tasks that
are waited for.

NOTIFY takes a lock that serialises commits, so it stays out of the transactions that change tasks, and one notifier a
process and channel sends for all of them: the first at once, then at most 50 a second, or as often as it is told to. It
is a hint: what is lost here is found by polling.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

import psycopg

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import Pool
from lapinq_core.runtime.failure_log import FailureLog

READY_CHANNEL = "lapinq_ready"
"""Queues in which something may start; workers listen."""
WAIT_CHANNEL = "lapinq_wait"
"""Ids of tasks whose end somebody waits for, with spaces between; workers listen."""
DONE_CHANNEL = "lapinq_done"
"""Ids of such tasks that have ended, with spaces between; servers listen."""
LEAST_INTERVAL_SECONDS = 0.02
DONE_INTERVAL_SECONDS = 0.005
"""Between two sends for `DONE_CHANNEL`: somebody waits for each, and nothing is sent while nobody does."""
SEND_DEADLINE_SECONDS = 5.0
MOST_IDS = 200
"""In one payload, which must be shorter than 8,000 bytes."""

log = logging.getLogger(__name__)


class Notifier:
    """Gathers names, of queues or tasks, and sends them on; a running event loop owns it.

    It runs as a task (`run`) until cancelled. `packed` makes the payloads of the names, by default one of each;
    `least_interval` is the pause between two sends, in seconds.
    """

    def __init__(
        self,
        pool: Pool,
        channel: str = READY_CHANNEL,
        packed: Callable[[Iterable[str]], list[str]] = list,
        *,
        least_interval: float = LEAST_INTERVAL_SECONDS,
    ) -> None:
        self._pool = pool
        self._channel = channel
        self._packed = packed
        self._least_interval = least_interval
        self._names: set[str] = set()
        self._some = asyncio.Event()
        self._failures = FailureLog(
            log,
            f"could not notify on {channel}, the news will be found by polling",
            is_away,
            level=logging.DEBUG,
        )
        self.sent_count = 0

    def wake(self, names: Iterable[str]) -> None:
        """Asks for whoever listens for `names` to be woken; returns at once."""
        self._names.update(names)
        if self._names:
            self._some.set()

    async def run(self) -> None:
        """Sends what `wake` gathers, for ever."""
        while True:
            await self._some.wait()
            self._some.clear()
            names, self._names = self._names, set()
            try:
                async with asyncio.timeout(SEND_DEADLINE_SECONDS), self._pool.connection() as conn:
                    await notify(conn, self._packed(names), self._channel)
                self.sent_count += len(names)
            except Exception as error:  # noqa: BLE001  # a loop's turn: the next news go out all the same
                self._failures.failed(error)
            await asyncio.sleep(self._least_interval)


def done_notifier(pool: Pool) -> Notifier:
    """One that tells of tasks that have ended, which somebody waits for."""
    return Notifier(pool, DONE_CHANNEL, joined, least_interval=DONE_INTERVAL_SECONDS)


async def notify(
    conn: psycopg.AsyncConnection, payloads: Iterable[str], channel: str = READY_CHANNEL
) -> None:
    """Sends `payloads` over `conn`, which should not be in a transaction that changes much.

    Without a `channel` they are queues, whose workers are woken.
    """
    await conn.execute(
        "SELECT pg_notify(%s, p) FROM unnest(%s::text[]) p", (channel, list(payloads)), prepare=True
    )


def joined(ids: Iterable[str]) -> list[str]:
    """`ids` in as few payloads as they fit in; `str.split` takes one apart."""
    every = list(ids)
    return [" ".join(every[start : start + MOST_IDS]) for start in range(0, len(every), MOST_IDS)]
