"""Runs the maintenance: promotes and expires tasks, deletes old ones, creates partitions ahead of time.

Any number of schedulers may run, beside workers that do the same.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from lapinq_core.db.notify.channels import DELAYED_CHANNEL
from lapinq_core.db.notify.listener import Listener
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import make_pool
from lapinq_core.domain.tasks.retention import read_keep
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.runtime.loops import Service, stop_all
from lapinq_core.runtime.settings import Settings
from lapinq_core.tasks.due_notices import DueTimer
from lapinq_core.upkeep.duty import DUTY_CHANNEL, Duty
from lapinq_core.upkeep.maintenance import run_maintenance
from lapinq_scheduler.metrics import SchedulerMetrics

POOL_SIZE = 2
POOL_TIMEOUT_SECONDS = 10.0


async def run_scheduler(settings: Settings, stop: asyncio.Event, metrics: Metrics) -> None:
    """Runs until `stop` is set, through outages of the database. Its figures appear in `metrics`."""
    assert settings.database_url is not None, "the caller resolves the database"
    pool = make_pool(settings.database_url, "lapinq-scheduler", POOL_SIZE, timeout=POOL_TIMEOUT_SECONDS)
    notifier = Notifier(pool)
    due_timer, duty = DueTimer(), Duty()
    listener = Listener(settings.listen_database_url or settings.database_url, "lapinq-scheduler listen")
    listener.subscribe(DELAYED_CHANNEL, due_timer.heard)
    listener.subscribe(DUTY_CHANNEL, duty.heard)
    own_metrics = SchedulerMetrics(pool, notifier, listener)
    await pool.open()
    background = [Service("notifier", notifier.run), Service("listener", lambda: listener.run(stop))]
    for service in background:
        service.start()
    try:
        with metrics.showing(own_metrics):
            await run_maintenance(
                pool,
                notifier,
                stop,
                own_metrics.times,
                cleanup_interval=settings.cleanup_interval,
                due_timer=due_timer,
                duty=duty,
                keep=read_keep(settings.keep),
            )
    finally:
        await stop_all(background)
        await pool.close()


@asynccontextmanager
async def embedded_scheduler(settings: Settings) -> AsyncGenerator[Metrics]:
    """Does the maintenance on the current event loop while the context lasts."""
    stop = asyncio.Event()
    metrics = Metrics()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_scheduler(settings, stop, metrics), name="scheduler")
        try:
            yield metrics
        finally:
            stop.set()
