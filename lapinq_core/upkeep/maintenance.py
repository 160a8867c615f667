"""The maintenance loops. Every worker, scheduler and server runs them, and the one on duty (`duty`) does the work.

The others do each job rarely, should the one on duty be unable to. Deleting is for those processes that are told to.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from lapinq_core.alerts import messages
from lapinq_core.db.errors import is_away
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import Pool, PooledConnection
from lapinq_core.domain.tasks.retention import FOR_EVER, Retention
from lapinq_core.durable.links import DecisionPruning
from lapinq_core.error_groups import upkeep as errors_upkeep
from lapinq_core.figures import alerts, levels, rollups, task_rollups
from lapinq_core.fleet import workers
from lapinq_core.intake import idempotency
from lapinq_core.limits import lanes
from lapinq_core.limits.breakers import Kind
from lapinq_core.monitoring.loop_times import LoopTimes
from lapinq_core.people import logins, sessions
from lapinq_core.runtime.loops import Loop
from lapinq_core.schedules import ticks
from lapinq_core.tasks import bulk_actions
from lapinq_core.tasks.due_notices import DueTimer
from lapinq_core.upkeep import maintenance_jobs
from lapinq_core.upkeep.breaker_watch import watch_breakers
from lapinq_core.upkeep.count_folding import FOLD_INTERVAL_SECONDS, CountFolding
from lapinq_core.upkeep.duty import BEACON_INTERVAL_SECONDS, Duty
from lapinq_core.upkeep.pacing import Job, paced
from lapinq_core.upkeep.promotion import Promotion
from lapinq_core.upkeep.retention_rounds import ROUND_INTERVAL_SECONDS, RetentionRounds
from lapinq_core.upkeep.step_pruning import StepPruning
from lapinq_core.upkeep.unique_key_pruning import UniqueKeyPruning
from lapinq_core.upkeep.vacuuming import VACUUM_INTERVAL_SECONDS, Vacuuming
from lapinq_core.webhooks import deliveries
from lapinq_core.workflows import changing

PROMOTE_INTERVAL_SECONDS = 0.25
EXPIRE_INTERVAL_SECONDS = 1.0
BREAKER_INTERVAL_SECONDS = 1.0
BREAKER_REST_FACTOR = 5.0
"""Small, because probes, parked tasks and notices wait for these jobs."""
PLACES_INTERVAL_SECONDS = 5.0
FOLD_FIGURES_INTERVAL_SECONDS = 15.0
TEND_LANES_INTERVAL_SECONDS = 15.0
PARTITION_INTERVAL_SECONDS = 3600.0
PRUNE_INTERVAL_SECONDS = 3600.0
FORGET_INTERVAL_SECONDS = 60.0
PROMOTE_FLOOR_SECONDS = 0.02
"""Minimum time between two searches for due tasks."""


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
    jobs = [*_shared_jobs(notifier, timer), *_deleting_jobs(cleanup_interval, keep)]
    loops = [
        Loop("duty", lambda: _say_who_is_on_duty(pool, duty), until=stop, expected=is_away),
        *(
            Loop(
                job.name,
                paced(job, pool.connection, duty, living),
                until=stop,
                wake=job.wake,
                floor=job.floor,
                expected=is_away,
                observe=times.of(job.name),
            )
            for job in jobs
        ),
    ]
    try:
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop.run(), name=loop.name)
    finally:
        times.end()
        await duty.end(pool)


def _shared_jobs(notifier: Notifier, timer: DueTimer) -> list[Job]:
    recheck = lanes.Recheck()

    def until_short(name: str, interval: float, verb: Callable[[PooledConnection], Awaitable[int]]) -> Job:
        return Job(name, interval, partial(_until_short, verb))

    def breaker_watch(name: str, kind: Kind) -> Job:
        return Job(
            name,
            BREAKER_INTERVAL_SECONDS,
            partial(_watch_breakers, kind, notifier),
            rest=BREAKER_REST_FACTOR,
        )

    return [
        Job(
            "promote",
            PROMOTE_INTERVAL_SECONDS,
            Promotion(notifier, timer).turn,
            rest=0.0,  # it paces its looks from the bottom itself
            wake=timer.fired,
            floor=PROMOTE_FLOOR_SECONDS,
        ),
        until_short("expire", EXPIRE_INTERVAL_SECONDS, maintenance_jobs.expire),
        breaker_watch("breakers", "queue"),
        breaker_watch("breakers of tasks", "task"),
        Job("fold counts", FOLD_INTERVAL_SECONDS, CountFolding().turn),
        Job("count places", PLACES_INTERVAL_SECONDS, partial(_once, workers.count_places)),
        Job("vacuum", VACUUM_INTERVAL_SECONDS, Vacuuming().turn),
        Job("tend lanes", TEND_LANES_INTERVAL_SECONDS, partial(_tend_lanes, recheck)),
        Job("prune lanes", PRUNE_INTERVAL_SECONDS, _prune_lanes),
        Job("make partitions", PARTITION_INTERVAL_SECONDS, _make_partitions),
        Job("prune workers", PRUNE_INTERVAL_SECONDS, partial(_once, workers.prune)),
        Job("forget keys", FORGET_INTERVAL_SECONDS, _forget_keys),
        Job("prune unique keys", PRUNE_INTERVAL_SECONDS, UniqueKeyPruning().turn),
        Job("prune steps", PRUNE_INTERVAL_SECONDS, StepPruning().turn),
        Job("prune decisions", PRUNE_INTERVAL_SECONDS, DecisionPruning().turn),
        until_short("prune workflows", PRUNE_INTERVAL_SECONDS, changing.prune),
        until_short("prune bulk actions", PRUNE_INTERVAL_SECONDS, bulk_actions.prune),
        until_short("prune sessions", PRUNE_INTERVAL_SECONDS, sessions.prune),
        until_short("prune login tries", PRUNE_INTERVAL_SECONDS, logins.prune),
        until_short("prune webhooks", PRUNE_INTERVAL_SECONDS, deliveries.prune),
        until_short("prune notices", PRUNE_INTERVAL_SECONDS, messages.prune),
        until_short("prune ticks", PRUNE_INTERVAL_SECONDS, ticks.prune),
        Job("fold figures", FOLD_FIGURES_INTERVAL_SECONDS, _fold_figures),
        Job("fold figures of tasks", FOLD_FIGURES_INTERVAL_SECONDS, _fold_task_figures),
        Job("error groups", FORGET_INTERVAL_SECONDS, _keep_errors),
        Job("sample levels", levels.SAMPLE_SECONDS, _sample_levels),
        until_short("prune levels", PRUNE_INTERVAL_SECONDS, levels.prune),
        until_short("prune figures", FORGET_INTERVAL_SECONDS, rollups.prune),
        until_short("prune figures of tasks", FORGET_INTERVAL_SECONDS, task_rollups.prune),
    ]


def _deleting_jobs(cleanup_interval: float, keep: Retention) -> Iterator[Job]:
    """Those of the processes that are told to delete, on duty or not."""
    if cleanup_interval:
        yield Job(
            "clean up",
            cleanup_interval,
            partial(_until_short, maintenance_jobs.cleanup),
            is_shared=False,
        )
    if keep != FOR_EVER:
        rounds = RetentionRounds(keep)
        yield Job("retain", ROUND_INTERVAL_SECONDS, rounds.turn, is_shared=False)


async def _say_who_is_on_duty(pool: Pool, duty: Duty) -> float:
    if not duty.is_on:
        return min(BEACON_INTERVAL_SECONDS, duty.starts_in + 0.001)
    await duty.say(pool)
    return BEACON_INTERVAL_SECONDS


async def _make_partitions(conn: PooledConnection) -> None:
    await maintenance_jobs.ensure_partitions(conn)
    if missing := await alerts.missing_partition(conn):
        log.warning(
            "the week of %s has no partition, and its tasks are in the default one with %.0f MB: in a quiet hour"
            " run SELECT lapinq_ensure_partitions(2, false)",
            missing.monday,
            missing.default_bytes / 1e6,
        )


async def _watch_breakers(kind: Kind, notifier: Notifier, conn: PooledConnection) -> float | None:
    watched = await watch_breakers(conn, kind)
    if watched.queues:
        notifier.wake(watched.queues)
    if watched.has_more:
        return 0.0
    # Only a search in vain is followed by a rest.
    return BREAKER_INTERVAL_SECONDS if watched.was_busy else None


async def _forget_keys(conn: PooledConnection) -> float | None:
    return 0.0 if await idempotency.forget_keys(conn) >= idempotency.FORGET_LIMIT else None


async def _tend_lanes(recheck: lanes.Recheck, conn: PooledConnection) -> float | None:
    await recheck.step(conn)
    return 0.0 if await lanes.restore(conn) >= lanes.PASS_LIMIT else None


async def _prune_lanes(conn: PooledConnection) -> float | None:
    return 0.0 if await lanes.prune(conn) else None


async def _fold_figures(conn: PooledConnection) -> float | None:
    return 0.0 if await rollups.fold(conn) >= rollups.FOLD_LIMIT else None


async def _fold_task_figures(conn: PooledConnection) -> float | None:
    return 0.0 if await task_rollups.fold(conn) >= rollups.FOLD_LIMIT else None


async def _keep_errors(conn: PooledConnection) -> float | None:
    return 0.0 if await errors_upkeep.turn(conn) else None


async def _sample_levels(conn: PooledConnection) -> float:
    """Early in each minute, so that none is left out."""
    return levels.SAMPLE_SECONDS - await levels.sample(conn) + 1.0


async def _until_short(
    verb: Callable[[PooledConnection], Awaitable[int]], conn: PooledConnection
) -> float | None:
    return 0.0 if await verb(conn) >= maintenance_jobs.PASS_LIMIT else None


async def _once(verb: Callable[[PooledConnection], Awaitable[object]], conn: PooledConnection) -> None:
    await verb(conn)
