"""Statistics over time for each task name of a queue: as `rollups`, in longer spans, without starts and waits."""

from collections.abc import Collection, Mapping

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.figures import MAX_SLOWEST, TASK_SPANS, Figures, Window, failure_share
from lapinq_core.domain.histogram import percentiles
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.figures import rollups
from lapinq_core.figures.rollups import FOLD_LIMIT, PRUNE_LIMIT, Series

sql = sql_of(__name__)

MAX_SHOWN = 20

Task = tuple[str, str]
"""A queue and a task name in it."""


class TaskTotals(msgspec.Struct, frozen=True):
    """What happened to the tasks of a name in a queue. `run_p50` and `run_p95` are in seconds, None if none ran."""

    queue_name: str
    task_name: str
    completed: int
    failed: int
    retried: int
    run_p50: float | None
    run_p95: float | None

    @property
    def done(self) -> int:
        """How many completed or failed for good."""
        return self.completed + self.failed

    @property
    def failure_share(self) -> float | None:
        """As `lapinq_core.domain.figures.failure_share` tells."""
        return failure_share(self.completed, self.failed, self.retried)


class Usual(msgspec.Struct, frozen=True):
    """How long `count` tasks of a name ran in the last day, in seconds."""

    p50: float
    p95: float
    count: int


async def record(conn: psycopg.AsyncConnection, figures: Mapping[Task, Figures]) -> None:
    """Appends what happened to tasks, as of now, in one statement: all of it counts or none."""
    if not figures:
        return
    rows = [
        {
            "queue_name": queue,
            "task_name": task,
            "completed": each.completed,
            "failed": each.failed,
            "retried": each.retried,
            "runs": rollups.short(each.runs),
            "slow_ids": [task_id for _, task_id in each.slowest],
            "slow_seconds": [seconds for seconds, _ in each.slowest],
        }
        for (queue, task), each in figures.items()
    ]
    params = {"figures": msgspec.json.encode(rows).decode(), "spans": list(TASK_SPANS)}
    await conn.execute(sql("record_task_rollups"), params, prepare=True)


async def fold(conn: psycopg.AsyncConnection, limit: int = FOLD_LIMIT) -> int:
    """Folds the rows of each task name and past span into one; returns how many rows it folded."""
    params = {"spans": list(TASK_SPANS), "limit": limit, "slowest": MAX_SLOWEST}
    return await first_value(conn, sql("fold_task_rollups"), params, prepare=True)


async def prune(conn: psycopg.AsyncConnection, limit: int = PRUNE_LIMIT) -> int:
    """Deletes rows past their retention, up to `limit` of each span; returns how many."""
    params = {"spans": list(TASK_SPANS), "kept": list(TASK_SPANS.values()), "limit": limit}
    return await first_value(conn, sql("prune_task_rollups"), params, prepare=True)


async def series(
    conn: psycopg.AsyncConnection, window: Window, task_name: str, readable: Readable = None
) -> Series:
    """What happened to the tasks of a name in `window` and in the one before, in these queues or in all; no waits."""
    width = max(window.width, window.task_span)
    points = window.seconds // width
    params = {
        "span": window.task_span,
        "width": width,
        "points": 2 * points,
        "task_name": task_name,
        "queues": as_list(readable),
    }
    rows = await all_rows(conn, sql("task_series"), params, prepare=True)
    return rollups.as_series(rows, window, width)


async def of_queue(conn: psycopg.AsyncConnection, window: Window, queue: str) -> list[TaskTotals]:
    """The task names of a queue that had the most attempts in `window`."""
    return await _totals(conn, "tasks_of_queue", window, queue=queue)


async def of_task(
    conn: psycopg.AsyncConnection, window: Window, task_name: str, readable: Readable = None
) -> list[TaskTotals]:
    """The queues in which tasks of a name had the most attempts in `window`."""
    return await _totals(conn, "queues_of_task", window, task_name=task_name, queues=as_list(readable))


async def usual(conn: psycopg.AsyncConnection, tasks: Collection[Task]) -> dict[Task, Usual]:
    """How long tasks of these names ran in the last day; those that did not are left out."""
    if not tasks:
        return {}
    queues, names = zip(*tasks, strict=True)
    params = {"queues": list(queues), "task_names": list(names)}
    rows = await all_rows(conn, sql("usual_durations"), params, prepare=True)
    found: dict[Task, Usual] = {}
    for queue, name, places, runs in rows:
        counts = rollups.dense(places, runs)
        p50, p95 = percentiles(counts, (0.5, 0.95))
        if p50 is not None and p95 is not None:
            found[queue, name] = Usual(p50, p95, sum(counts))
    return found


async def _totals(
    conn: psycopg.AsyncConnection, verb: str, window: Window, **chosen: str | list[str] | None
) -> list[TaskTotals]:
    params = {**chosen, "span": window.task_span, "seconds": window.seconds, "most": MAX_SHOWN}
    rows = await all_rows(conn, sql(verb), params, prepare=True)
    return [
        TaskTotals(*counts, *percentiles(rollups.dense(places, runs), (0.5, 0.95)))
        for *counts, places, runs in rows
    ]
