"""A worker's sign of life, from a thread of its own with a connection of its own.

So it goes on while the event loop is busy, but not while it is stuck: a loop that has not turned for `stuck_after`
seconds gets no more beats, and the cluster takes its tasks.

Trust runs both ways from here. `is_current` tells whether the lease, counted from when the last good beat was sent,
still holds. `calm_since` tells since when beats have come through on time without a gap; a rescuer judges others
only after a full lease of calm, so that an outage or a pause of this machine is not taken for the death of
everybody else.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable

import psycopg

from lapinq_core.db.pool import connect_sync
from lapinq_core.store import workers

log = logging.getLogger(__name__)


class Heartbeat:
    """`declared_dead` is called, in the thread, when the cluster gave this worker up; the beat then ends."""

    def __init__(
        self,
        url: str,
        worker_id: str,
        *,
        interval: float,
        lease: float,
        stuck_after: float,
        declared_dead: Callable[[], None],
    ) -> None:
        self._url = url
        self._worker_id = worker_id
        self._interval = interval
        self._lease = lease
        self._stuck_after = stuck_after
        self._declared_dead = declared_dead
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lapinq heartbeat", daemon=True)
        self._loop_turned = self._sent = self._calm_since = time.monotonic()

    def start(self) -> None:
        """Begins; the worker was registered just now, which counts as the first beat."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, without waiting for a beat under way."""
        self._stop.set()

    def loop_turned(self) -> None:
        """The event loop is alive; to be called from it every second or so."""
        self._loop_turned = time.monotonic()

    @property
    def is_current(self) -> bool:
        """Whether the lease still holds for all this process knows."""
        return time.monotonic() - self._sent < self._lease

    @property
    def is_calm(self) -> bool:
        """Whether this process may judge others: for one full lease its own beats came through on time."""
        now = time.monotonic()
        return now - self._sent < 2 * self._interval and now - self._calm_since >= self._lease

    def _run(self) -> None:
        connection: psycopg.Connection | None = None
        while not self._stop.wait(self._interval):
            if time.monotonic() - self._loop_turned > self._stuck_after:
                log.error("the event loop has not turned for %g s: no more heartbeat", self._stuck_after)
                continue
            sent = time.monotonic()
            try:
                connection = connection or connect_sync(self._url, "lapinq-worker heartbeat")
                alive = workers.beat(connection, self._worker_id)
            except (psycopg.Error, OSError) as error:
                log.warning("heartbeat: %s", str(error).strip() or type(error).__name__)
                _close(connection)
                connection = None
                continue
            if not alive:
                log.error("this worker was declared dead; it begins anew")
                self._declared_dead()
                break
            if sent - self._sent > 2 * self._interval or time.monotonic() - sent > self._interval:
                self._calm_since = time.monotonic()
            self._sent = sent
        _close(connection)


def _close(connection: psycopg.Connection | None) -> None:
    if connection is not None:
        with contextlib.suppress(Exception):
            connection.close()
