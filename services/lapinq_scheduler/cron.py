"""Fires schedules: sleeps until the next tick is due, or until a schedule changes, and handles the due ticks.

Any number of processes may do this; there is no leader (`lapinq_core.schedules.firing`). The listener only shortens
the wait for a changed schedule: without it, the loop polls.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from lapinq_core.db.errors import is_away
from lapinq_core.db.notify.listener import Listener
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import Pool, make_pool
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.runtime.loops import Loop, Service, pause_for, stop_all
from lapinq_core.runtime.settings import Settings
from lapinq_core.schedules import firing
from lapinq_core.schedules.comparing import Wanted, WantedRule
from lapinq_core.schedules.schedules import SCHEDULES_CHANNEL
from lapinq_scheduler.metrics import CronMetrics
from lapinq_scheduler.registering import declarations, register

POOL_SIZE = 2
POOL_TIMEOUT_SECONDS = 10.0
STORE_SECONDS = 10.0
POLL_SECONDS = 1.0
"""Longest sleep while the listener is disconnected."""
HELD_POLL_SECONDS = 0.25
"""Longest sleep while a held tick waits for a run to end."""
INITIAL_RETRY_SECONDS = 0.1
MAX_RETRY_SECONDS = 15.0
"""Pauses while a due tick stays unhandled: another process holds it, or this one can't compute it."""


async def run_cron(
    settings: Settings,
    stop: asyncio.Event,
    metrics: Metrics,
    wanted: Sequence[Wanted | WantedRule] = (),
    on_stored: Callable[[], None] = lambda: None,
) -> None:
    """Runs until `stop` is set, through outages of the database. Its figures appear in `metrics`.

    `wanted` is what the modules in the settings declare. It stores that before it fires anything.
    """
    assert settings.database_url is not None, "the caller resolves the database"
    pool = make_pool(settings.database_url, "lapinq-cron", POOL_SIZE, timeout=POOL_TIMEOUT_SECONDS)
    notifier = Notifier(pool)
    listener = Listener(settings.listen_database_url or settings.database_url, "lapinq-cron-listener")
    own_metrics = CronMetrics(pool, notifier)
    cron = _Cron(pool, notifier, listener, own_metrics, longest=settings.scheduler_interval)
    await pool.open()
    background = [Service("notifier", notifier.run), Service("listener", lambda: listener.run(stop))]
    for service in background:
        service.start()
    try:
        with metrics.showing(own_metrics):
            await register(pool, wanted, settings.schedule_modules, stop)
            on_stored()
            await Loop(
                "fire schedules",
                cron.turn,
                until=stop,
                wake=cron.changed,
                expected=is_away,
                observe=own_metrics.times.of("fire schedules"),
            ).run()
    finally:
        await stop_all(background)
        await pool.close()


@asynccontextmanager
async def embedded_cron(settings: Settings) -> AsyncGenerator[Metrics]:
    """Fires schedules on the current event loop while the context lasts.

    First it stores what modules declare. The context begins once that is done, or has taken `STORE_SECONDS`, so that a
    server answers when declared limits exist.

    Raises `lapinq_core.declaring.NotDeclared` for a module whose declarations can't be read.
    """
    wanted = declarations(settings.schedule_modules)
    stop, stored = asyncio.Event(), asyncio.Event()
    metrics = Metrics()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_cron(settings, stop, metrics, wanted, stored.set), name="fire schedules")
        try:
            await pause_for(STORE_SECONDS, stored)
            yield metrics
        finally:
            stop.set()


class _Cron:
    """One process's loop over due ticks. `changed` is set when a schedule may have changed."""

    def __init__(
        self,
        pool: Pool,
        notifier: Notifier,
        listener: Listener,
        metrics: CronMetrics,
        *,
        longest: float,
    ) -> None:
        self._pool = pool
        self._notifier = notifier
        self._listener = listener
        self._metrics = metrics
        self._longest = longest
        self._retry_pause = INITIAL_RETRY_SECONDS
        self.changed = asyncio.Event()
        listener.subscribe(SCHEDULES_CHANNEL, lambda _: self.changed.set())

    async def turn(self) -> float:
        """Handles the due ticks. Returns how long to sleep."""
        async with self._pool.connection() as conn:
            woken = await firing.release_held(conn)
            dealt, queues = await firing.fire_due(conn)
            if dealt:
                # A pending run that a tick replaced has been cancelled by now.
                queues |= await firing.release_held(conn)
            self._notifier.wake(woken | queues)
            self._metrics.count(dealt)
            outlook = await firing.look_ahead(conn)
        pauses = [self._longest]
        if not self._listener.connected:
            pauses.append(POLL_SECONDS)
        if outlook.has_held:
            pauses.append(HELD_POLL_SECONDS)
        if outlook.next_in is not None:
            pauses.append(outlook.next_in)
        if not outlook.has_due or dealt:
            self._retry_pause = INITIAL_RETRY_SECONDS
        if outlook.has_due:
            pauses.append(self._retry_pause)
            self._retry_pause = min(2 * self._retry_pause, MAX_RETRY_SECONDS)
        return min(pauses)
