"""The maintenance loops. Every worker, scheduler and server runs them, and the one on duty (`duty`) does the work.

The others do each job rarely, should the one on duty be unable to. Deleting is for those processes that are told to.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from lapinq_core.alerts import messages
from lapinq_core.db.errors import is_away
from lapinq_core.db.notifier import Notifier
from lapinq_core.db.pool import Pool, PooledConnection
from lapinq_core.domain.tasks.retention import FOR_EVER, Retention
from lapinq_core.error_groups import upkeep as errors_upkeep
from lapinq_core.figures import alerts, levels, rollups, task_rollups
from lapinq_core.fleet import workers
from lapinq_core.intake import idempotency
from lapinq_core.limits import lanes
from lapinq_core.monitoring.loop_times import LoopTimes
from lapinq_core.people import logins, sessions
from lapinq_core.runtime.loops import REST_FACTOR, run_every
from lapinq_core.schedules import ticks
from lapinq_core.tasks.due_notices import DueTimer
from lapinq_core.upkeep import maintenance_jobs
from lapinq_core.upkeep.breaker_watch import watch_breakers, watch_task_breakers
from lapinq_core.upkeep.count_folding import FOLD_INTERVAL_SECONDS, CountFolding
from lapinq_core.upkeep.duty import BEACON_INTERVAL_SECONDS, Duty
from lapinq_core.upkeep.promotion import Promotion
from lapinq_core.upkeep.retention_rounds import ROUND_INTERVAL_SECONDS, RetentionRounds
from lapinq_core.upkeep.unique_key_pruning import UniqueKeyPruning
from lapinq_core.upkeep.vacuuming import VACUUM_INTERVAL_SECONDS, Vacuuming
from lapinq_core.webhooks import deliveries

PROMOTE_INTERVAL_SECONDS = 0.25
EXPIRE_INTERVAL_SECONDS = 1.0
BREAKER_INTERVAL_SECONDS = 1.0
PLACES_INTERVAL_SECONDS = 5.0
FOLD_FIGURES_INTERVAL_SECONDS = 15.0
TEND_LANES_INTERVAL_SECONDS = 15.0
PARTITION_INTERVAL_SECONDS = 3600.0
PRUNE_INTERVAL_SECONDS = 3600.0
FORGET_INTERVAL_SECONDS = 60.0
PROMOTE_FLOOR_SECONDS = 0.02
"""Minimum time between two searches for due tasks."""
OFF_DUTY_FACTOR = 20.0
OFF_DUTY_SHARE = 5.0
OFF_DUTY_MAX_SECONDS = 3600.0
"""A process that is not on duty waits `OFF_DUTY_FACTOR` times as long between two passes of a job, or
`OFF_DUTY_SHARE` times for each worker of a large fleet, but at most `OFF_DUTY_MAX_SECONDS`."""

log = logging.getLogger(__name__)


async def run_maintenance(
    pool: Pool,
    notifier: Notifier,
    stop: asyncio.Event,
    times: LoopTimes,
    *,
    cleanup_interval: float,
    due_timer: DueTimer | None = None,
    duty: Duty | None = None,
    living: Callable[[], int] = lambda: 1,
    keep: Retention = FOR_EVER,
) -> None:
    """Runs every loop until `stop` is set, and reports each pass to `times`, and the end.

    `cleanup_interval` is in seconds; 0 leaves out the deletion by TTL. Ended tasks are deleted as `keep` says. When
    `due_timer` fires, delayed tasks are looked at immediately. Without `duty` it works as if it were alone. `living` is
    the number of workers.
    """
    timer, duty = due_timer or DueTimer(), duty or Duty()
    recheck = lanes.Recheck()
    try:
        async with asyncio.TaskGroup() as group:

            def start(
                name: str,
                job: Callable[[], Awaitable[float | None]],
                interval: float,
                wake: asyncio.Event | None = None,
                floor: float = 0.0,
                rest: float = REST_FACTOR,
                is_shared: bool = True,
            ) -> None:
                group.create_task(
                    run_every(
                        name,
                        _when_on_duty(duty, living, job, interval) if is_shared else job,
                        interval=interval,
                        stop=stop,
                        expected=is_away,
                        observe=times.of(name),
                        wake=wake,
                        rest=rest,
                        floor=floor,
                    ),
                    name=name,
                )

            group.create_task(
                run_every(
                    "duty",
                    lambda: _say_who_is_on_duty(pool, duty),
                    interval=BEACON_INTERVAL_SECONDS,
                    stop=stop,
                    expected=is_away,
                ),
                name="duty",
            )
            start(
                "promote",
                Promotion(pool, notifier, timer).turn,
                PROMOTE_INTERVAL_SECONDS,
                timer.fired,
                PROMOTE_FLOOR_SECONDS,
                rest=0.0,  # it paces its looks from the bottom itself
            )
            start("expire", lambda: _until_short(pool, maintenance_jobs.expire), EXPIRE_INTERVAL_SECONDS)
            start("breakers", lambda: _watch_breakers(pool, notifier), BREAKER_INTERVAL_SECONDS)
            start(
                "fold counts",
                CountFolding(pool).turn,
                FOLD_INTERVAL_SECONDS,
                rest=0.0,  # a turn returns its own pause
            )
            start("count places", lambda: _once(pool, workers.count_places), PLACES_INTERVAL_SECONDS)
            start("vacuum", Vacuuming(pool).turn, VACUUM_INTERVAL_SECONDS)
            start("tend lanes", lambda: _tend_lanes(pool, recheck), TEND_LANES_INTERVAL_SECONDS)
            start("prune lanes", lambda: _prune_lanes(pool), PRUNE_INTERVAL_SECONDS)
            start("make partitions", lambda: _make_partitions(pool), PARTITION_INTERVAL_SECONDS)
            start("prune workers", lambda: _once(pool, workers.prune), PRUNE_INTERVAL_SECONDS)
            start("forget keys", lambda: _forget_keys(pool), FORGET_INTERVAL_SECONDS)
            start("prune unique keys", UniqueKeyPruning(pool).turn, PRUNE_INTERVAL_SECONDS)
            start("prune sessions", lambda: _until_short(pool, sessions.prune), PRUNE_INTERVAL_SECONDS)
            start("prune login tries", lambda: _until_short(pool, logins.prune), PRUNE_INTERVAL_SECONDS)
            start("prune webhooks", lambda: _until_short(pool, deliveries.prune), PRUNE_INTERVAL_SECONDS)
            start("prune notices", lambda: _until_short(pool, messages.prune), PRUNE_INTERVAL_SECONDS)
            start("prune ticks", lambda: _until_short(pool, ticks.prune), PRUNE_INTERVAL_SECONDS)
            start("fold figures", lambda: _fold_figures(pool), FOLD_FIGURES_INTERVAL_SECONDS)
            start("fold figures of tasks", lambda: _fold_task_figures(pool), FOLD_FIGURES_INTERVAL_SECONDS)
            start("error groups", lambda: _keep_errors(pool), FORGET_INTERVAL_SECONDS)
            start("sample levels", lambda: _sample_levels(pool), levels.SAMPLE_SECONDS)
            start("prune levels", lambda: _until_short(pool, levels.prune), PRUNE_INTERVAL_SECONDS)
            start("prune figures", lambda: _until_short(pool, rollups.prune), FORGET_INTERVAL_SECONDS)
            start(
                "prune figures of tasks",
                lambda: _until_short(pool, task_rollups.prune),
                FORGET_INTERVAL_SECONDS,
            )
            # Deleting is for the processes that are told to, on duty or not.
            if cleanup_interval:
                start(
                    "clean up",
                    lambda: _until_short(pool, maintenance_jobs.cleanup),
                    cleanup_interval,
                    is_shared=False,
                )
            if keep != FOR_EVER:
                start(
                    "retain",
                    RetentionRounds(pool, keep).turn,
                    ROUND_INTERVAL_SECONDS,
                    rest=0.0,  # it paces itself, too
                    is_shared=False,
                )
    finally:
        times.end()
        await duty.end(pool)


def _when_on_duty(
    duty: Duty, living: Callable[[], int], job: Callable[[], Awaitable[float | None]], interval: float
) -> Callable[[], Awaitable[float | None]]:
    due_at = 0.0

    async def turn() -> float | None:
        nonlocal due_at
        if not duty.is_on and (now := time.monotonic()) < due_at:
            return min(max(interval, duty.starts_in) + 0.001, due_at - now)
        factor = max(OFF_DUTY_FACTOR, OFF_DUTY_SHARE * living())
        due_at = time.monotonic() + max(interval, min(interval * factor, OFF_DUTY_MAX_SECONDS))
        return await job()

    return turn


async def _say_who_is_on_duty(pool: Pool, duty: Duty) -> float | None:
    if not duty.is_on:
        return min(BEACON_INTERVAL_SECONDS, duty.starts_in + 0.001)
    await duty.say(pool)
    return None


async def _make_partitions(pool: Pool) -> None:
    async with pool.connection() as conn:
        await maintenance_jobs.ensure_partitions(conn)
        if missing := await alerts.missing_partition(conn):
            log.warning(
                "the week of %s has no partition, and its tasks are in the default one with %.0f MB: in a quiet hour"
                " run SELECT lapinq_ensure_partitions(2, false)",
                missing.monday,
                missing.default_bytes / 1e6,
            )


async def _watch_breakers(pool: Pool, notifier: Notifier) -> float | None:
    async with pool.connection() as conn:
        if queues := await watch_breakers(conn):
            notifier.wake(queues)
        queues, has_more = await watch_task_breakers(conn)
        if queues:
            notifier.wake(queues)
        return 0.0 if has_more else None


async def _forget_keys(pool: Pool) -> float | None:
    async with pool.connection() as conn:
        return 0.0 if await idempotency.forget_keys(conn) >= idempotency.FORGET_LIMIT else None


async def _tend_lanes(pool: Pool, recheck: lanes.Recheck) -> float | None:
    async with pool.connection() as conn:
        await recheck.step(conn)
        return 0.0 if await lanes.restore(conn) >= lanes.PASS_LIMIT else None


async def _prune_lanes(pool: Pool) -> float | None:
    async with pool.connection() as conn:
        return 0.0 if await lanes.prune(conn) else None


async def _fold_figures(pool: Pool) -> float | None:
    async with pool.connection() as conn:
        return 0.0 if await rollups.fold(conn) >= rollups.FOLD_LIMIT else None


async def _fold_task_figures(pool: Pool) -> float | None:
    async with pool.connection() as conn:
        return 0.0 if await task_rollups.fold(conn) >= rollups.FOLD_LIMIT else None


async def _keep_errors(pool: Pool) -> float | None:
    async with pool.connection() as conn:
        return 0.0 if await errors_upkeep.turn(conn) else None


async def _sample_levels(pool: Pool) -> float:
    """Early in each minute, so that none is left out."""
    async with pool.connection() as conn:
        return levels.SAMPLE_SECONDS - await levels.sample(conn) + 1.0


async def _until_short(pool: Pool, verb: Callable[[PooledConnection], Awaitable[int]]) -> float | None:
    async with pool.connection() as conn:
        return 0.0 if await verb(conn) >= maintenance_jobs.PASS_LIMIT else None


async def _once(pool: Pool, verb: Callable[[PooledConnection], Awaitable[object]]) -> None:
    async with pool.connection() as conn:
        await verb(conn)
