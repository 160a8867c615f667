"""Which rows one batch of a search scans, and which match: filters as queries that touch a bounded number of rows."""

from enum import Enum
from typing import LiteralString

from psycopg import sql

from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks.filters import (
    OF_THE_END,
    OF_THE_ID,
    OF_THE_TASK,
    OF_THE_WORKER,
    TaskFilter,
    all_of,
    given,
)


class Place(Enum):
    """Which rows a search scans, from the newest id on."""

    TASKS = "all there are"
    WAITING = "what waits"
    SMALL_QUEUE = "pending tasks of a queue with few ready ones"
    RUNNING = "what runs"
    STARTED = "running and ended tasks"
    ENDED = "what has ended"
    UNSUCCESSFUL = "ended tasks with one outcome other than completed"


def place_of(chosen: TaskFilter, *, is_small: bool = False) -> Place:
    """The place whose rows answer most of the filter; `is_small` says that the queue has few ready tasks.

    `Place.TASKS` works for every filter, at a higher cost per task.
    """
    match chosen.status:
        case Status.PENDING:
            return Place.SMALL_QUEUE if is_small else Place.WAITING
        case Status.RUNNING:
            return Place.RUNNING
        case None if given(chosen, OF_THE_END):
            return Place.ENDED
        case None:
            return Place.TASKS if chosen.worker is None else Place.STARTED
        case Status.COMPLETED:
            # If only the task's row decides whether it matches, looking that up for every ended task is a detour.
            is_of_the_end = given(chosen, {**OF_THE_END, **OF_THE_WORKER}) or not given(chosen, OF_THE_TASK)
            return Place.ENDED if is_of_the_end else Place.TASKS
        case _:
            return Place.UNSUCCESSFUL


def scan_query(chosen: TaskFilter, place: Place, size: int) -> sql.Composed:
    """A query for the next `size` ids of `place`, descending, and whether each row by itself may match.

    Its parameters are the fields of `chosen`.
    """
    conditions = given(chosen, _OWN[place])
    if place is Place.ENDED and chosen.status is Status.COMPLETED:
        conditions.append(sql.SQL("f.outcome = 'completed'"))
    bounds, most = all_of(given(chosen, OF_THE_ID)), sql.Literal(size)
    parts: dict[str, sql.Composable] = {
        "bounds": bounds,
        "part": sql.SQL(" WHERE {} ORDER BY id DESC LIMIT {}").format(bounds, most),
        "ended": sql.SQL(_ENDED),
        "outcome": sql.Literal(chosen.status),
    }
    return sql.SQL("SELECT id, {may_match} AS may_match FROM {source} ORDER BY id DESC LIMIT {most}").format(
        may_match=all_of(conditions), source=sql.SQL(_SOURCES[place]).format(**parts), most=most
    )


def longest_running_query(chosen: TaskFilter, most: int) -> sql.Composed:
    """A query for the first `most` matching running tasks, by the start of their attempts, and that time.

    Its parameters are the fields of `chosen`, and `start` and `start_id` of the task to continue after, or NULL.
    """
    conditions = given(chosen, {**OF_THE_TASK, **_WORKER_OF_THE_ROW, **_ID_OF_THE_ROW})
    source: LiteralString = "lapinq_running s"
    if given(chosen, OF_THE_TASK):
        source += _LOOK_UP["t"]
    return sql.SQL(
        "SELECT s.id::text, s.claimed_at FROM {source} WHERE {where}"
        " AND (%(start)s::timestamptz IS NULL"
        " OR (s.claimed_at, s.id) > (%(start)s::timestamptz, %(start_id)s::uuid))"
        " ORDER BY s.claimed_at, s.id LIMIT {most}"
    ).format(source=sql.SQL(source), where=all_of(conditions), most=sql.Literal(most))


def matching_query(chosen: TaskFilter, place: Place, most: int) -> sql.Composed:
    """A query for up to `most` matching ids of the CTE `scanned`, a `scan_query`. It takes the same parameters."""
    own = _OWN[place]
    task, end, worker = (
        given(chosen, {field: text for field, text in group.items() if field not in own})
        for group in (OF_THE_TASK, OF_THE_END, OF_THE_WORKER)
    )
    conditions = [sql.SQL("may_match"), *task, *end, *worker]
    source: LiteralString = "scanned AS s"
    if task:
        source += _LOOK_UP["t"]
    if worker or (place is Place.TASKS and chosen.status is Status.RUNNING):
        source += _LOOK_UP["r"]
    if end or worker or (place is Place.TASKS and chosen.status in FINAL):
        source += _LOOK_UP["f"]
    if place is Place.TASKS and chosen.status is not None:
        if chosen.status is Status.PENDING:
            source += _LOOK_UP["w"] + _LOOK_UP["d"]
        conditions.append(sql.SQL(_HAS_STATUS[chosen.status]))
    return sql.SQL("SELECT s.id FROM {source} WHERE {where} ORDER BY s.id DESC LIMIT {most}").format(
        source=sql.SQL(source), where=all_of(conditions), most=sql.Literal(most)
    )


_WORKER_OF_THE_ROW: dict[str, LiteralString] = {"worker": "s.worker_id = %(worker)s::uuid"}
_QUEUE_OF_THE_ROW: dict[str, LiteralString] = {"queue": "s.queue_name = %(queue)s::text"}
_ID_OF_THE_ROW: dict[str, LiteralString] = {
    "first": "s.id >= %(first)s::uuid",
    "last": "s.id <= %(last)s::uuid",
}
_END_OF_THE_ROW: dict[str, LiteralString] = {**OF_THE_END, "worker": "f.worker_id = %(worker)s::uuid"}

_OWN: dict[Place, dict[str, LiteralString]] = {
    Place.TASKS: OF_THE_TASK,
    Place.WAITING: _QUEUE_OF_THE_ROW,
    Place.SMALL_QUEUE: _QUEUE_OF_THE_ROW,
    Place.RUNNING: {**_QUEUE_OF_THE_ROW, **_WORKER_OF_THE_ROW},
    Place.STARTED: _WORKER_OF_THE_ROW,
    Place.ENDED: _END_OF_THE_ROW,
    Place.UNSUCCESSFUL: _END_OF_THE_ROW,
}
"""Conditions that the rows of each place answer without a lookup."""

_ENDED: LiteralString = (
    "SELECT task_id AS id, outcome, result, error, worker_id FROM lapinq_attempts WHERE final"
)

# Each of several tables is limited to the rows wanted in all, so the result doesn't depend on the plan.
_SOURCES: dict[Place, LiteralString] = {
    Place.TASKS: "lapinq_tasks AS t WHERE {bounds}",
    Place.WAITING: (
        "((SELECT id, queue_name FROM lapinq_ready{part})"
        " UNION ALL (SELECT id, queue_name FROM lapinq_delayed{part})) AS s"
    ),
    # The inner limit keeps the planner on lapinq_ready_claim; `is_small_queue.sql` has found fewer rows.
    Place.SMALL_QUEUE: (
        "((SELECT id, queue_name FROM (SELECT id, queue_name FROM lapinq_ready WHERE queue_name = %(queue)s::text"
        " ORDER BY queue_name, rank, seq LIMIT 10000) AS ready{part})"
        " UNION ALL (SELECT id, queue_name FROM lapinq_delayed{part})) AS s"
    ),
    Place.RUNNING: "(SELECT id, queue_name, worker_id FROM lapinq_running{part}) AS s",
    Place.STARTED: (
        "((SELECT id, worker_id FROM ({ended}) AS ended{part})"
        " UNION ALL (SELECT id, worker_id FROM lapinq_running{part})) AS s"
    ),
    Place.ENDED: "({ended}) AS f WHERE {bounds}",
    Place.UNSUCCESSFUL: "({ended} AND outcome = {outcome}) AS f WHERE {bounds}",
}

# The limits keep the planner from scanning one of these tables for the few rows that match.
_LOOK_UP: dict[str, LiteralString] = {
    "t": (
        " LEFT JOIN LATERAL (SELECT queue_name, task_name, module_path, args"
        " FROM lapinq_tasks WHERE id = s.id LIMIT 1) AS t ON true"
    ),
    "f": (
        " LEFT JOIN LATERAL (SELECT outcome, result, error, worker_id"
        " FROM lapinq_attempts WHERE task_id = s.id AND final LIMIT 1) AS f ON true"
    ),
    "r": " LEFT JOIN LATERAL (SELECT id, worker_id FROM lapinq_running WHERE id = s.id LIMIT 1) AS r ON true",
    "w": " LEFT JOIN LATERAL (SELECT id FROM lapinq_ready WHERE id = s.id LIMIT 1) AS w ON true",
    "d": " LEFT JOIN LATERAL (SELECT id FROM lapinq_delayed WHERE id = s.id LIMIT 1) AS d ON true",
}
"""Looks up the row of a task of `s` in another table, by the alias that conditions use."""
_HAS_STATUS: dict[Status, LiteralString] = {
    Status.PENDING: "(w.id IS NOT NULL OR d.id IS NOT NULL)",
    Status.RUNNING: "r.id IS NOT NULL",
    Status.COMPLETED: "f.outcome = 'completed'",
    Status.FAILED: "f.outcome = 'failed'",
    Status.CANCELLED: "f.outcome = 'cancelled'",
    Status.EXPIRED: "f.outcome = 'expired'",
}
