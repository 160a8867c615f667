"""Sends NOTIFY after the commit, never inside it: for queues that have work, and for tasks whose end somebody awaits.

NOTIFY takes a lock that serialises commits, so it stays out of the transactions that change tasks. Its own transaction
writes nothing and waits for no disk. One notifier per process and channel sends for all of them: the first immediately,
then at most 50 times a second by default. A notification is a hint: polling finds what gets lost.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import psycopg

from lapinq_core.db.errors import is_away
from lapinq_core.db.notify import ready_notices
from lapinq_core.db.notify.channels import DONE_CHANNEL, READY_CHANNEL, Notice
from lapinq_core.db.pool import Pool
from lapinq_core.runtime.failure_log import FailureLog

MIN_INTERVAL_SECONDS = 0.02
DONE_INTERVAL_SECONDS = 0.005
"""Between two sends for `DONE_CHANNEL`. Somebody waits for each, and without waiters nothing is sent."""
SEND_DEADLINE_SECONDS = 5.0
FLUSH_SECONDS = 1.0
MAX_IDS = 200
"""In one payload, which must be shorter than 8,000 bytes."""

log = logging.getLogger(__name__)


class Notifier:
    """Collects names of queues or tasks and sends them. A running event loop owns it.

    It runs as a task (`run`) until cancelled. `packed` turns names into payloads for `channel`. Without it the names
    are queues, and `ready_notices` says what to send. `min_interval` is the pause between two sends, in seconds.
    """

    def __init__(
        self,
        pool: Pool,
        channel: str = READY_CHANNEL,
        packed: Callable[[Counter[str]], list[str]] | None = None,
        *,
        min_interval: float = MIN_INTERVAL_SECONDS,
    ) -> None:
        self._pool = pool
        self._channel = channel
        self._packed = packed
        self._min_interval = min_interval
        self._names = Counter[str]()
        self._free_at = 0.0  # when the next one may be sent, by `time.monotonic`
        self._some = asyncio.Event()
        self._is_sent = asyncio.Event()
        self._is_sent.set()
        self._failures = FailureLog(
            log,
            f"could not notify on {channel}; polling will find the changes",
            is_away,
            level=logging.DEBUG,
        )
        self.sent_count = 0

    def wake(self, names: Iterable[str], count: int = 1) -> None:
        """Schedules a notification of `names` and returns immediately. Each queue got about `count` tasks."""
        for name in names:
            self._names[name] += count
        if self._names:
            self._is_sent.clear()
            self._some.set()

    def take_turn(self) -> bool:
        """Whether one may be sent now. Then the caller sends it, and what `wake` gets next waits `min_interval`."""
        now = time.monotonic()
        if self._names or now < self._free_at:
            return False
        self._free_at = now + self._min_interval
        return True

    async def flush(self) -> None:
        """Returns when everything that `wake` collected has been sent, after `FLUSH_SECONDS` at the latest.

        A program that stops would otherwise leave it to polling.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._is_sent.wait()

    async def run(self) -> None:
        """Sends what `wake` collects, until cancelled."""
        while True:
            await self._some.wait()
            if (pause := self._free_at - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            self._free_at = time.monotonic() + self._min_interval
            self._some.clear()
            names, self._names = self._names, Counter[str]()
            try:
                async with asyncio.timeout(SEND_DEADLINE_SECONDS), self._pool.connection() as conn:
                    await send(conn, self._notices(names))
                self.sent_count += len(names)
            except Exception as error:  # noqa: BLE001  # keep the loop running: later notifications must still go out
                self._failures.failed(error)
            if not self._names:
                self._is_sent.set()

    def _notices(self, names: Counter[str]) -> list[Notice]:
        if self._packed is None:
            return ready_notices.packed(names)
        return [Notice(self._channel, payload) for payload in self._packed(names)]


def done_notifier(pool: Pool) -> Notifier:
    """The notifier for ended tasks that somebody awaits."""
    return Notifier(pool, DONE_CHANNEL, joined, min_interval=DONE_INTERVAL_SECONDS)


async def notify(
    conn: psycopg.AsyncConnection, payloads: Iterable[str], channel: str = READY_CHANNEL
) -> None:
    """Sends `payloads` over `conn`, which should not be in a transaction that changes much.

    By default the payloads are queues, and all workers hear them.
    """
    await send(conn, [Notice(channel, payload) for payload in payloads])


async def send(conn: psycopg.AsyncConnection, notices: Sequence[Notice]) -> None:
    """Sends `notices`, as `notify` does."""
    channels, payloads = [one.channel for one in notices], [one.payload for one in notices]
    await conn.execute(
        "SELECT pg_notify(n.channel, n.payload) FROM unnest(%s::text[], %s::text[]) AS n (channel, payload)",
        (channels, payloads),
        prepare=True,
    )


def joined(ids: Iterable[str]) -> list[str]:
    """`ids` in as few payloads as possible; `str.split` takes one apart."""
    every = list(ids)
    return [" ".join(every[start : start + MAX_IDS]) for start in range(0, len(every), MAX_IDS)]
