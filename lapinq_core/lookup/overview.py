"""What happens now, for terminals and programs: rates, percentiles, queues, workers and the longest running tasks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.snapshot import snapshot
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.figures import failure_share
from lapinq_core.domain.forecast import Forecast, forecast
from lapinq_core.domain.limits.breaker import BreakerState
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.domain.requests.values import Id, doc
from lapinq_core.domain.worker import WorkerState
from lapinq_core.figures import levels, rollups
from lapinq_core.figures.levels import Looks
from lapinq_core.figures.rollups import Recent
from lapinq_core.fleet import operators
from lapinq_core.fleet.operators import WorkerDetails
from lapinq_core.lookup import measure
from lapinq_core.lookup.measure import FirstInLine
from lapinq_core.tasks import inspect
from lapinq_core.tasks.inspect import QueueCounts

sql = sql_of(__name__)

MAX_QUEUES = 100
"""The fullest queues are listed."""
MAX_RUNNING = 20
MAX_DELAYED = 100_000
"""Counting more delayed tasks by queue takes too long."""
MAX_NEWEST = 20_000
"""Maximum number of new tasks that are counted by queue: at high rates they cover less time."""
_SHORTEST_SECONDS = 1.0

STATUSES = QueueCounts.__struct_fields__[1:]


class Rates(msgspec.Struct, frozen=True):
    """Per second. `failed` counts tasks that failed for good, `retried` attempts that failed and are retried."""

    enqueued: float
    started: float
    completed: float
    failed: float
    retried: float


class Times(msgspec.Struct, frozen=True):
    """Percentiles in seconds; null if nothing started or ran."""

    p50: float | None
    p95: float | None
    p99: float | None


class QueueNow(msgspec.Struct, frozen=True, kw_only=True):
    """A queue: its tasks, and what happened in it."""

    queue_name: str
    is_paused: bool
    has_worker: Annotated[bool, doc("Whether a worker is alive that serves it and is not quiet.")]
    pending: Annotated[int, doc("Ready and delayed tasks.")]
    ready: Annotated[int | None, doc(f"Null if more than {MAX_DELAYED} tasks are delayed in all.")]
    delayed: Annotated[
        int | None,
        doc("Scheduled for later, waiting for a retry or for its parents, or suspended. Null like `ready`."),
    ]
    running: int
    failed: Annotated[int, doc("Failed tasks that are stored.")]
    oldest_ready_seconds: Annotated[
        float | None, doc("How long the first in line has been ready; null without ready tasks.")
    ]
    waiting_since: Annotated[datetime | None, doc("Since when it has been ready.")] = None
    rates: Rates
    failure_share: Annotated[
        float | None,
        doc("Share of the ended tasks that failed, 0 to 1. While none completes, failed attempts count."),
    ]
    slots: Annotated[
        int, doc("How many attempts its workers can run at once. They may share them with other queues.")
    ]
    is_growing: Annotated[bool, doc("Whether the number of ready tasks is large and keeps growing.")]
    empties_in_seconds: Annotated[
        float | None,
        doc(
            "Seconds until it is empty at the current rate; null if it does not shrink, is paused, or its circuit"
            " breaker is not closed."
        ),
    ]
    max_running: Annotated[int | None, doc("How many of its tasks its policy lets run at once.")] = None
    breaker_state: Annotated[
        BreakerState | None, doc("The state of its circuit breaker; null without one.")
    ] = None

    @property
    def capacity(self) -> int:
        """How many of its tasks can run at once: what its workers offer and its policy allows."""
        return self.slots if self.max_running is None else min(self.slots, self.max_running)


class WorkerNow(msgspec.Struct, frozen=True, kw_only=True):
    """A worker, as of its last heartbeat: `running` attempts, `rate` of attempts ended per second, memory."""

    id: Id
    name: str
    state: WorkerState
    queues: Annotated[list[str] | None, doc("Null for all.")]
    concurrency: int
    running: int | None
    rate: float | None
    memory_bytes: int | None
    beat_age: Annotated[float, doc("Seconds since the last heartbeat.")]


class RunningNow(msgspec.Struct, frozen=True):
    """A task that a worker has claimed: it runs, or is about to. `seconds` is the time since the claim."""

    id: Id
    task_name: str | None
    queue_name: str
    attempt: int
    started_at: datetime
    seconds: float
    progress: Annotated[int | None, doc("In percent.")]
    is_cancel_requested: bool
    worker_id: str
    worker_name: str | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What happens now, and happened in the last `window_seconds`, up to the last complete 10 s."""

    window_seconds: int
    queue: Annotated[str | None, doc("The queue that was asked for; null for all.")]
    totals: Annotated[dict[str, int], doc("Tasks by status.")]
    ready: Annotated[int | None, doc(f"Null if more than {MAX_DELAYED} tasks are delayed in all.")]
    slots: Annotated[int, doc("How many attempts the workers can run at once.")]
    rates: Rates
    wait: Annotated[Times, doc("How long tasks were ready before their first start.")]
    run: Annotated[Times, doc("How long attempts ran.")]
    queues: Annotated[
        list[QueueNow], doc(f"Those with the most pending and running tasks, at most {MAX_QUEUES}.")
    ]
    more_queues: Annotated[int, doc("How many more there are.")]
    workers: Annotated[
        list[WorkerNow],
        doc("Live ones first, then by name. Empty for callers who may read some queues only."),
    ]
    more_workers: int
    running: Annotated[list[RunningNow], doc(f"The longest running first, at most {MAX_RUNNING}.")]


async def overview(
    conn: psycopg.AsyncConnection, minutes: int, queue: str | None = None, readable: Readable = None
) -> Overview:
    """What happens in `queue`, or in all queues of `readable`. `conn` is in no transaction."""
    async with snapshot(conn):
        return await read(conn, minutes, queue, readable, max_newest=MAX_NEWEST)


async def read(
    conn: psycopg.AsyncConnection,
    minutes: int,
    queue: str | None = None,
    readable: Readable = None,
    *,
    max_newest: int,
) -> Overview:
    """As `overview`, in the caller's `snapshot`. It counts the queues of at most `max_newest` new tasks.

    Who may not read all queues is not shown the workers, which serve others, too.
    """
    queues = readable if queue is None else {queue}
    rules = await _rules(conn, queues)
    chosen = _with_paused(await inspect.count_queues(conn, queues), rules)
    shown = fullest(chosen, MAX_QUEUES)
    waiting = [each.queue_name for each in shown if each.pending]
    fleet = await operators.list_workers(conn, max_tasks=0, queues=queues)
    facts = _Facts(
        rules=rules,
        slots=_slots(fleet.workers),
        delayed=await _count_delayed(conn, queues),
        first=await measure.first_in_line(conn, waiting),
        enqueued=await _enqueued(conn, minutes * 60, max_newest, queues),
        recent=await rollups.recent(conn, minutes, queues),
        looks=await levels.looks(conn, queues),
        seconds=minutes * 60,
    )
    running = await _longest_running(conn, queues)
    shown_workers = [_worker(each) for each in fleet.workers] if readable is None else []
    return Overview(
        window_seconds=facts.seconds,
        queue=queue,
        totals=total_of(chosen),
        ready=facts.ready(chosen),
        slots=sum(each.concurrency for each in fleet.workers if _claims(each)),
        rates=facts.rates_of(None),
        wait=Times(*facts.recent.wait),
        run=Times(*facts.recent.run),
        queues=[facts.queue(each) for each in shown],
        more_queues=len(chosen) - len(shown),
        workers=shown_workers,
        more_workers=fleet.more if readable is None else 0,
        running=running,
    )


def total_of(queues: Sequence[QueueCounts]) -> dict[str, int]:
    """The counts of all queues together, by status."""
    columns = zip(*(msgspec.structs.astuple(queue)[1:] for queue in queues), strict=True)
    return dict.fromkeys(STATUSES, 0) | dict(zip(STATUSES, map(sum, columns), strict=False))


def fullest(queues: Sequence[QueueCounts], most: int) -> list[QueueCounts]:
    """The queues with the most to do first; among equals, those where the most ended."""

    def fullness(queue: QueueCounts) -> tuple[int, int, str]:
        ended = queue.completed + queue.failed + queue.cancelled + queue.expired
        return -(queue.pending + queue.running), -ended, queue.queue_name

    return sorted(queues, key=fullness)[:most]


class _Facts(NamedTuple):
    """What the database answered, by queue. `delayed` is None if there are too many to count.

    `slots` under None are those of workers that serve all queues.
    """

    rules: Mapping[str, "_Rules"]
    slots: Mapping[str | None, int]
    delayed: Mapping[str | None, int] | None
    first: Mapping[str, FirstInLine]
    enqueued: Mapping[str, float]
    recent: Recent
    looks: Looks
    seconds: int

    def ready(self, queues: Sequence[QueueCounts]) -> int | None:
        """How many tasks of `queues` are ready."""
        if self.delayed is None:
            return None
        return sum(max(0, each.pending - self.delayed.get(each.queue_name, 0)) for each in queues)

    def queue(self, of: QueueCounts) -> QueueNow:
        name = of.queue_name
        ready = self.ready([of])
        happened = self.recent.queues.get(name)
        share = failure_share(happened.completed, happened.failed, happened.retried) if happened else None
        slots = self.slots.get(None, 0) + self.slots.get(name, 0)
        rules = self.rules.get(name, _NO_RULES)
        first = self.first.get(name)
        foreseen = Forecast() if ready is None else forecast(ready, self.looks.of(name))
        starts = not rules.is_paused and rules.breaker_state in {None, BreakerState.CLOSED}
        return QueueNow(
            queue_name=name,
            is_paused=rules.is_paused,
            has_worker=slots > 0,
            pending=of.pending,
            ready=ready,
            delayed=None if ready is None else of.pending - ready,
            running=of.running,
            failed=of.failed,
            oldest_ready_seconds=None if first is None else first.age,
            waiting_since=None if first is None else first.since,
            rates=self.rates_of(name),
            failure_share=None if share is None else round(share, 4),
            slots=slots,
            is_growing=foreseen.is_growing,
            empties_in_seconds=foreseen.empties_in if starts else None,
            max_running=rules.max_running,
            breaker_state=rules.breaker_state,
        )

    def rates_of(self, queue: str | None) -> Rates:
        """Of one queue, or of all that were asked for together."""
        happened = self.recent.total if queue is None else self.recent.queues.get(queue)
        enqueued = sum(self.enqueued.values()) if queue is None else self.enqueued.get(queue, 0.0)
        counts = (0, 0, 0, 0) if happened is None else happened
        return Rates(round(enqueued, 3), *(round(max(0, count) / self.seconds, 3) for count in counts))


class _Rules(NamedTuple):
    """What is set for a queue."""

    is_paused: bool = False
    max_running: int | None = None
    breaker_state: BreakerState | None = None


_NO_RULES = _Rules()


async def _rules(conn: psycopg.AsyncConnection, queues: Readable) -> dict[str, _Rules]:
    rows = await all_rows(conn, sql("rules_of_queues"), {"queues": as_list(queues)}, prepare=True)
    return {
        name: _Rules(is_paused, most, None if state is None else BreakerState(state))
        for name, is_paused, most, state in rows
    }


def _with_paused(queues: Sequence[QueueCounts], rules: Mapping[str, _Rules]) -> list[QueueCounts]:
    """A paused queue is listed even if it has no tasks."""
    listed = {each.queue_name for each in queues}
    empty = [name for name, of in rules.items() if of.is_paused and name not in listed]
    return [*queues, *(QueueCounts(name, *([0] * len(STATUSES))) for name in empty)]


def _claims(worker: WorkerDetails) -> bool:
    return worker.state in {WorkerState.ALIVE, WorkerState.LATE}


def _slots(fleet: Sequence[WorkerDetails]) -> dict[str | None, int]:
    """How many attempts workers run at once, by queue; under None those that serve all queues."""
    slots: dict[str | None, int] = {}
    for worker in filter(_claims, fleet):
        for queue in worker.queues if worker.queues is not None else [None]:
            slots[queue] = slots.get(queue, 0) + worker.concurrency
    return slots


def _worker(of: WorkerDetails) -> WorkerNow:
    return WorkerNow(**{name: getattr(of, name) for name in WorkerNow.__struct_fields__})


async def _count_delayed(conn: psycopg.AsyncConnection, queues: Readable) -> dict[str | None, int] | None:
    """By queue; under None those of all other queues together."""
    params = {"queues": as_list(queues), "most": MAX_DELAYED + 1}
    rows = await all_rows(conn, sql("count_some_delayed"), params, prepare=True)
    return None if sum(count for _, count in rows) > MAX_DELAYED else dict(rows)


async def _enqueued(
    conn: psycopg.AsyncConnection, seconds: int, most: int, queues: Readable
) -> dict[str, float]:
    """Tasks enqueued per second, by queue."""
    params = {"seconds": seconds, "most": most, "queues": as_list(queues)}
    rows = await all_rows(conn, sql("count_newest"), params, prepare=True)
    return {
        queue: count / (seconds if extent is None else min(max(extent, _SHORTEST_SECONDS), seconds))
        for queue, count, extent in rows
    }


async def _longest_running(conn: psycopg.AsyncConnection, queues: Readable) -> list[RunningNow]:
    params = {"queues": as_list(queues), "most": MAX_RUNNING}
    return [RunningNow(*row) for row in await all_rows(conn, sql("longest_running"), params, prepare=True)]
