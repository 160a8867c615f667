"""A worker's heartbeat, in its own thread with its own connection.

It continues while the event loop is busy, but not while it is blocked: after `blocked_after` seconds without a turn of
the loop it stops, and other workers rescue the tasks. `LeaseTrust` says what follows from the heartbeats.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import connect
from lapinq_core.fleet import workers
from lapinq_core.fleet.workers import ALONE, Health
from lapinq_core.runtime.thread_stacks import stack_of
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.liveness.lease_trust import LeaseTrust
from lapinq_worker.running.clocks import NEVER, Moment, elapsed, moment

if TYPE_CHECKING:
    import psycopg

RETRY_SECONDS = 1.0
BLOCKED_SECONDS = 4.0
"""An event loop that has not turned for this time is blocked; it says that it turns every second or so."""

log = logging.getLogger(__name__)


class Heartbeat:
    """Calls these in its own thread:

    - `on_declared_dead` when the worker was declared dead; the heartbeat then ends
    - `on_cancel_requested` with id and claim token of each task to cancel, again with each heartbeat while it runs
    - `on_request` with what the worker is asked to do and by whom, when that has changed
    - `health` before each heartbeat; it must be quick
    """

    def __init__(
        self,
        url: str,
        worker_id: str,
        *,
        interval: float,
        lease: float,
        blocked_after: float,
        on_declared_dead: Callable[[], None],
        on_cancel_requested: Callable[[str, str], None] = lambda _task_id, _token: None,
        on_request: Callable[[str | None, str | None], None] = lambda _request, _by: None,
        health: Callable[[], Health] = Health,
    ) -> None:
        self._url = url
        self._worker_id = worker_id
        self._interval = interval
        self._lease = lease
        self._deadline = max(interval, lease / 3)
        self._blocked_after = blocked_after
        self._on_declared_dead = on_declared_dead
        self._on_cancel_requested = on_cancel_requested
        self._on_request = on_request
        self._request: str | None = None
        self._health = health
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lapinq heartbeat", daemon=True)
        self._connection: psycopg.AsyncConnection | None = None
        self._loop_turned = 0.0
        self._loop_thread = 0
        self._trust = LeaseTrust(interval, lease, NEVER)
        self.place = ALONE
        self.watched = frozenset[str]()

    def start(self, registered: Moment, watched: frozenset[str] = frozenset()) -> None:
        """Starts the thread. `registered` is when the statement that registered the worker was sent, and `watched` its
        answer."""
        self.watched = watched
        self._trust = LeaseTrust(self._interval, self._lease, registered)
        self._loop_turned = time.monotonic()
        self._loop_thread = threading.get_ident()
        self._thread.start()

    @any_thread
    def stop(self) -> None:
        """Stops, without waiting for a heartbeat in flight."""
        self._stop.set()
        self._wake.set()

    @any_thread
    def beat_soon(self) -> None:
        """Ends the pause before the next heartbeat: its answer may be news."""
        self._wake.set()

    def loop_turned(self) -> None:
        """The event loop turns; it calls this every second or so."""
        self._loop_turned = time.monotonic()

    @property
    @any_thread
    def is_current(self) -> bool:
        """Whether the lease still holds, as far as this process knows."""
        return self._trust.is_current(elapsed())

    @property
    def judging_time(self) -> float | None:
        """The database's time for judging others, in seconds since 1970; None while this process may not judge."""
        return self._trust.judging_time(moment())

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            pause = 0.0
            while not self._is_over(pause):
                pause, request, jump = self._interval, self._request, self._trust.jump
                if time.monotonic() - self._loop_turned > self._blocked_after:
                    log.error(
                        "the event loop has not turned for %g s: the heartbeat stops. It is at:\n%s",
                        self._blocked_after,
                        stack_of(self._loop_thread),
                    )
                    continue
                try:
                    alive = runner.run(self._beat())
                except Exception as error:  # a loop's turn: without heartbeats the worker is declared dead
                    if is_away(error):
                        log.warning("heartbeat: %s", str(error).strip() or type(error).__name__)
                    else:
                        log.exception("heartbeat failed")
                    pause = min(self._interval, RETRY_SECONDS)
                    continue
                if not alive:
                    if not self._stop.is_set():
                        log.error("this worker was declared dead; it registers again")
                        self._on_declared_dead()
                    break
                if (self._request, self._trust.jump) != (request, jump):
                    pause = min(self._interval / 2, RETRY_SECONDS)  # so that its effect is soon reported
            runner.run(self._disconnect())

    def _is_over(self, pause: float) -> bool:
        self._wake.wait(pause)
        self._wake.clear()
        return self._stop.is_set()

    async def _beat(self) -> bool:
        sent = moment()
        beat = asyncio.ensure_future(self._send())
        await asyncio.wait({beat}, timeout=self._deadline)
        if not beat.done():
            # Closed first: on a cancellation the driver asks the server to cancel the statement and waits for its
            # answer, and it is the server that doesn't answer.
            if self._connection is not None:
                self._connection.pgconn.finish()
            beat.cancel()
            await asyncio.wait({beat}, timeout=RETRY_SECONDS)
            await self._disconnect()
            raise TimeoutError(f"no answer within {self._deadline:g} s")
        try:
            database = beat.result()
        except BaseException:
            await self._disconnect()
            raise
        if database is None:
            return False
        if self._trust.confirm(sent, moment(), database):
            log.warning(
                "the database's clock and this machine's have moved apart: declaring no workers dead for a lease"
            )
        return True

    async def _send(self) -> float | None:
        """Returns the database's time; None if this worker was declared dead."""
        self._connection = self._connection or await connect(self._url, "lapinq-worker heartbeat")
        blocked = time.monotonic() - self._loop_turned
        health = msgspec.structs.replace(
            self._health(), blocked_seconds=blocked if blocked > BLOCKED_SECONDS else None
        )
        heard = await workers.heartbeat(self._connection, self._worker_id, health, self._trust.jump)
        if heard is None:
            return None
        self.place, self.watched = heard.place, heard.watched
        for task_id, token in heard.to_stop:
            self._on_cancel_requested(task_id, token)
        if heard.asked_to != self._request:
            self._request = heard.asked_to
            self._on_request(heard.asked_to, heard.asked_by)
        return heard.now

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close()
