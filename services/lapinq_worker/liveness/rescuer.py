"""Rescues the tasks of dead workers.

A worker judges others only while `lease_trust` allows it. Any number may rescue at once: rows are locked with SKIP
LOCKED, and every change matches the token it was read with.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable

from lapinq_core.db.pool import Pool, PooledConnection
from lapinq_core.fleet import workers
from lapinq_core.fleet.workers import ALONE, Place
from lapinq_core.runtime.loops import MAX_REST_SECONDS, REST_FACTOR
from lapinq_core.upkeep import rescuing

MAX_FULL_REST_SECONDS = 600.0
"""Maximum rest after a search of the whole table: under a snapshot held for an hour, one takes half a minute."""
SWEEPING = 2
"""The first workers among their peers, which sweep in each interval; of many groups of peers each fewer."""
MAX_SHARE = 4.0
MAX_LATER_SHARE = 24.0
"""So many times as rarely as a single worker the first ones sweep at most, and the others. Workers that are late are
nobody's peers, so others are the first before the leases end."""

log = logging.getLogger(__name__)


class Rescuer:
    """`judging_time` is the database's time for judging others, None while this process may not judge (`lease_trust`).
    `on_ready` gets the queues in which rescued tasks may start. `place` in the fleet says how rarely it sweeps."""

    def __init__(
        self,
        pool: Pool,
        judging_time: Callable[[], float | None],
        on_ready: Callable[[Iterable[str]], None],
        *,
        place: Callable[[], Place] = lambda: ALONE,
    ) -> None:
        self._pool = pool
        self._judging_time = judging_time
        self._on_ready = on_ready
        self._place_in_fleet = place
        self._place = rescuing.BOTTOM
        self._search_at = self._full_search_at = 0.0  # by time.monotonic
        self._turns = 0  # since the last sweep
        self.rescued_count = 0

    async def turn(self, interval: float) -> float:
        """Sweeps, in a large fleet not each time. Returns the pause before the next turn, about `interval` seconds."""
        self._turns += 1
        share = self._share()  # of now: the first ones may have been lost since the last turn
        if self._turns >= round(share):
            pause = await self.sweep()
            if pause is not None:
                return pause
            self._turns = 0
        return interval * random.uniform(0.75, 1.25) if share > 1.0 else interval  # noqa: S311  # they spread

    def _share(self) -> float:
        place = self._place_in_fleet()
        if place.rank < SWEEPING:
            return min(place.living / max(place.peers, SWEEPING), MAX_SHARE)
        return min(place.living, MAX_LATER_SHARE)

    async def sweep(self) -> float | None:
        """One pass. Returns 0 if there was more than it takes, so that the next one follows immediately.

        A search begins at the first attempt that ran at the last one, so that it doesn't walk the dead rows before it
        again. Vacuum makes room there for new rows, so now and then one searches the whole table, and at once when a
        worker was declared dead. A search that took long rests before the next one of its kind.
        """
        expected = self._judging_time()
        if expected is None:
            return None
        async with self._pool.connection() as conn:
            dead = await workers.declare_dead(conn, expected)
            for _, name in dead:
                log.warning("worker %s is lost: rescuing its tasks", name)
            now = time.monotonic()
            is_full = bool(dead) or now >= self._full_search_at
            if not is_full and now < self._search_at:
                return None
            rescued = await self._search(conn, expected, is_full=is_full)
        if rescued:
            self.rescued_count += len(rescued)
            log.warning("rescued %d tasks of lost workers or past their deadline", len(rescued))
            self._on_ready({queue for queue in rescued.values() if queue})
        return 0.0 if len(rescued) == rescuing.PASS_LIMIT else None

    async def _search(
        self, conn: PooledConnection, expected: float, *, is_full: bool
    ) -> dict[str, str | None]:
        started = time.monotonic()
        rescued: dict[str, str | None] = {}
        try:
            place = await rescuing.first_running(conn, rescuing.BOTTOM if is_full else self._place)
            if place is not None:
                self._place = place
                rescued = await rescuing.rescue(conn, expected, random.random(), since=place)  # noqa: S311  # jitter
        finally:
            if len(rescued) < rescuing.PASS_LIMIT:
                ended = time.monotonic()
                rest = REST_FACTOR * (ended - started)
                if is_full:
                    self._full_search_at = ended + min(rest, MAX_FULL_REST_SECONDS)
                else:
                    self._search_at = ended + min(rest, MAX_REST_SECONDS)
        return rescued
