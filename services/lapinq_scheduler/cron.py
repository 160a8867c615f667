"""Fires schedules: sleeps until the next tick is due, deals with what is, and hears when a schedule changes.

Any number of processes may do this, none leads (`lapinq_core.schedules.firing`). All of it works by polling alone:
without the listener the sleep is short.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from lapinq_core.db.errors import is_away
from lapinq_core.db.listener import Listener
from lapinq_core.db.notifier import Notifier
from lapinq_core.db.pool import Pool, make_pool
from lapinq_core.runtime.loops import pause_for, run_every
from lapinq_core.runtime.metrics import Metrics
from lapinq_core.runtime.settings import Settings
from lapinq_core.schedules import firing
from lapinq_core.schedules.comparing import Wanted
from lapinq_core.schedules.schedules import SCHEDULES_CHANNEL
from lapinq_scheduler.metrics import CronMetrics
from lapinq_scheduler.registering import declarations, register

POOL_SIZE = 2
POOL_TIMEOUT_SECONDS = 10.0
DEAF_SECONDS = 1.0
"""Longest sleep while notifications are not heard."""
HELD_SECONDS = 0.25
"""Longest sleep while a tick waits for a run to end."""
FIRST_AGAIN_SECONDS = 0.1
LAST_AGAIN_SECONDS = 15.0
"""Before the next looks when what is due was left: somebody else deals with it, or it can't be worked out here."""


async def run_cron(
    settings: Settings, stop: asyncio.Event, metrics: Metrics, wanted: Sequence[Wanted] = ()
) -> None:
    """Works until `stop` is set, shown in `metrics`. The database may be away for any time meanwhile.

    `wanted` is what the modules in the settings declare, which is stored before anything is fired.
    """
    assert settings.database_url is not None, "the caller resolves the database"
    pool = make_pool(settings.database_url, "lapinq-cron", POOL_SIZE, timeout=POOL_TIMEOUT_SECONDS)
    notifier = Notifier(pool)
    listener = Listener(settings.listen_database_url or settings.database_url, "lapinq-cron-listener")
    shown = CronMetrics(pool, notifier)
    cron = _Cron(pool, notifier, listener, stop, shown, longest=settings.scheduler_interval)
    await pool.open()
    beside = [
        asyncio.create_task(notifier.run(), name="notifier"),
        asyncio.create_task(listener.run(stop), name="listener"),
    ]
    try:
        with metrics.showing(shown):
            await register(pool, wanted, settings.schedule_modules, stop)
            await run_every(
                "fire schedules",
                cron.turn,
                interval=0.0,
                stop=stop,
                deadline=settings.scheduler_interval + 60.0,
                expected=is_away,
            )
    finally:
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        await pool.close()


@asynccontextmanager
async def cron_companion(settings: Settings) -> AsyncGenerator[Metrics]:
    """Fires schedules on the current event loop while the context lasts, and stores first what modules declare.

    Raises `lapinq_core.declaring.NotDeclared` for a module that can't be told.
    """
    wanted = declarations(settings.schedule_modules)
    stop = asyncio.Event()
    metrics = Metrics()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_cron(settings, stop, metrics, wanted), name="fire schedules")
        try:
            yield metrics
        finally:
            stop.set()


class _Cron:
    """The looks of one process."""

    def __init__(
        self,
        pool: Pool,
        notifier: Notifier,
        listener: Listener,
        stop: asyncio.Event,
        metrics: CronMetrics,
        *,
        longest: float,
    ) -> None:
        self._pool = pool
        self._notifier = notifier
        self._listener = listener
        self._stop = stop
        self._metrics = metrics
        self._longest = longest
        self._pause = 0.0
        self._again = FIRST_AGAIN_SECONDS
        self._observe = metrics.times.of("fire schedules")
        self._changed = asyncio.Event()
        listener.subscribe(SCHEDULES_CHANNEL, lambda _: self._changed.set())

    async def turn(self) -> float:
        """Sleeps as long as the look before found, then looks."""
        await pause_for(self._pause, self._changed, self._stop)
        self._changed.clear()
        self._pause = 0.0
        if self._stop.is_set():
            return 0.0
        began, has_failed = time.perf_counter(), True
        try:
            self._pause = await self._look()
            has_failed = False
        finally:
            self._observe(time.perf_counter() - began, has_failed)
        return 0.0

    async def _look(self) -> float:
        """Deals with what is due, and answers how long nothing will be."""
        async with self._pool.connection() as conn:
            woken = await firing.release_held(conn)
            dealt, queues = await firing.fire_due(conn)
            if dealt:
                # A run that waited to start and was cancelled in favour of a tick has ended by now.
                queues |= await firing.release_held(conn)
            self._notifier.wake(woken | queues)
            self._metrics.dealt_with(dealt)
            outlook = await firing.look_ahead(conn)
        pauses = [self._longest]
        if not self._listener.connected:
            pauses.append(DEAF_SECONDS)
        if outlook.has_held:
            pauses.append(HELD_SECONDS)
        if outlook.next_in is not None:
            pauses.append(outlook.next_in)
        if not outlook.has_due or dealt:
            self._again = FIRST_AGAIN_SECONDS
        if outlook.has_due:
            pauses.append(self._again)
            self._again = min(2 * self._again, LAST_AGAIN_SECONDS)
        return min(pauses)
