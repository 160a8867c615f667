"""Composes the two queries of a search's batch, so that each touches a bounded number of rows.

`scan_query` reads the next ids of a *source*, newest first: one table, or several together. Next to each id it says
whether the row that it read by itself may match. For those that may, `matching_query` looks up the other rows of the
task that the filter asks about. `search_window.sql` puts the two together. In all of this SQL these names are used:

    s   the row scanned                     t   the task's row in lapinq_tasks
    w   its row in lapinq_ready             d   its row in lapinq_delayed
    r   its row in lapinq_running           f   its final attempt in lapinq_attempts

`first_query` serves the orders by time, which have an index and need no batches.
"""

from enum import Enum
from typing import LiteralString

from psycopg import sql

from lapinq_core.domain.tasks.shown_state import ShownState, states_of
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks.filters import (
    NOT_OF_THE_END,
    OF_THE_END,
    OF_THE_GROUP,
    OF_THE_ID,
    OF_THE_TASK,
    OF_THE_WORKER,
    TaskFilter,
    all_of,
    given,
    in_any_of,
)
from lapinq_core.tasks.state_conditions import ANYWHERE, OF_ITS_ROW, Table, tables_of, within

Conditions = dict[str, LiteralString]
"""Conditions in SQL, by the field of the filter that sets them."""


class ScanSource(Enum):
    """Which rows a search scans, from the newest id on."""

    TASKS = "all tasks"
    PENDING = "pending tasks"
    SMALL_QUEUE = "pending tasks of a queue with few ready ones"
    RUNNING = "running tasks"
    STARTED = "running and ended tasks"
    ENDED = "ended tasks"
    UNSUCCESSFUL = "ended tasks with one outcome other than completed"
    SEVERAL = "the tables that hold several statuses, each from the newest id on"


def source_of(chosen: TaskFilter, *, is_small: bool = False) -> ScanSource:
    """The source whose rows answer most of the filter; `is_small` says that the queue has few ready tasks.

    `ScanSource.TASKS` works for every filter, at a higher cost per task.
    """
    if chosen.status is None and chosen.states is not None:
        # Where both most waiting and most ended tasks may match, each of two tables would hold a batch's worth.
        return (
            ScanSource.TASKS if {Status.PENDING, Status.COMPLETED} <= chosen.statuses else ScanSource.SEVERAL
        )
    match chosen.status:
        case Status.PENDING:
            return ScanSource.SMALL_QUEUE if is_small else ScanSource.PENDING
        case Status.RUNNING:
            return ScanSource.RUNNING
        case None if given(chosen, {**OF_THE_END, **OF_THE_GROUP}):
            return ScanSource.ENDED
        case None:
            return ScanSource.TASKS if chosen.worker is None else ScanSource.STARTED
        case Status.COMPLETED:
            # If only the task's row decides whether it matches, looking that up for every ended task is a detour.
            is_of_the_end = given(chosen, {**_OF_AN_END, **OF_THE_WORKER}) or not given(chosen, OF_THE_TASK)
            return ScanSource.ENDED if is_of_the_end else ScanSource.TASKS
        case _:
            return ScanSource.UNSUCCESSFUL


def scan_query(chosen: TaskFilter, source: ScanSource, size: int) -> sql.Composed:
    """A query for the next `size` ids of `source`, descending, and whether each row by itself may match.

    Its parameters are the fields of `chosen`.
    """
    bounds, ended, most = all_of(given(chosen, OF_THE_ID)), sql.SQL(_ENDED_ROWS), sql.Literal(size)
    # Each of several tables is limited to the rows wanted in all, so the result doesn't depend on the plan.
    newest = sql.SQL(" WHERE {} ORDER BY id DESC LIMIT {}").format(bounds, most)
    may_match: list[sql.Composable] = [*given(chosen, _OF_THE_ROW[source])]
    match source:
        case ScanSource.TASKS:
            rows = sql.SQL("lapinq_tasks AS t WHERE {}").format(bounds)
        case ScanSource.ENDED:
            rows = sql.SQL("({}) AS f WHERE {}").format(ended, bounds)
            if chosen.status is Status.COMPLETED:
                may_match.append(sql.SQL("f.outcome = 'completed'"))
        case ScanSource.UNSUCCESSFUL:
            outcome = sql.Literal(chosen.status)
            rows = sql.SQL("({} AND outcome = {}) AS f WHERE {}").format(ended, outcome, bounds)
        case ScanSource.STARTED:
            rows = sql.SQL(
                "((SELECT id, worker_id FROM ({ended}) AS ended{newest})"
                " UNION ALL (SELECT id, worker_id FROM lapinq_running{newest})) AS s"
            ).format(ended=ended, newest=newest)
        case ScanSource.PENDING | ScanSource.SMALL_QUEUE | ScanSource.RUNNING | ScanSource.SEVERAL:
            rows = _rows_by_state(chosen, newest, is_small=source is ScanSource.SMALL_QUEUE)
            may_match.append(sql.SQL("s.is_wanted"))
    return sql.SQL("SELECT id, {may_match} AS may_match FROM {rows} ORDER BY id DESC LIMIT {most}").format(
        may_match=all_of(may_match), rows=rows, most=most
    )


def matching_query(chosen: TaskFilter, source: ScanSource, most: int) -> sql.Composed:
    """A query for up to `most` matching ids of the CTE `scanned`, a `scan_query`. It takes the same parameters."""
    answered = _OF_THE_ROW[source].keys()
    task, end, not_end, worker = (
        given(chosen, {field: text for field, text in conditions.items() if field not in answered})
        for conditions in (OF_THE_TASK, OF_THE_END, NOT_OF_THE_END, OF_THE_WORKER)
    )
    group = given(chosen, OF_THE_GROUP)
    conditions: list[sql.Composable] = [sql.SQL("may_match"), *task, *end, *not_end, *worker, *group]
    # Other sources hold only tasks of the statuses asked for.
    is_asked = source is ScanSource.TASKS and (chosen.status is not None or chosen.states is not None)
    if is_asked and chosen.states is not None:
        conditions.append(in_any_of(chosen.states, ANYWHERE))
    elif is_asked and chosen.status is not None:
        conditions.append(sql.SQL(_HAS_STATUS[chosen.status]))
    statuses = chosen.statuses if is_asked else frozenset[Status]()
    lookups: LiteralString = ""
    if task or group:
        lookups += _LOOK_UP_TASK
    if worker or Status.RUNNING in statuses:
        lookups += _LOOK_UP_RUNNING
    if end or not_end or worker or group or statuses & FINAL:
        lookups += _LOOK_UP_END
    if Status.PENDING in statuses:
        lookups += _LOOK_UP_READY + _LOOK_UP_DELAYED
    return sql.SQL(
        "SELECT s.id FROM scanned AS s{lookups} WHERE {where} ORDER BY s.id DESC LIMIT {most}"
    ).format(lookups=sql.SQL(lookups), where=all_of(conditions), most=sql.Literal(most))


def first_query(chosen: TaskFilter, most: int, *, is_due: bool = False) -> sql.Composed:
    """A query for the first `most` matching tasks of a table, by time, and that time.

    The running tasks by the start of their attempts; with `is_due` the delayed ones by when they are due. Its
    parameters are the fields of `chosen`, and `start` and `start_id` of the task to continue after, or NULL.
    """
    table, at = (Table.DELAYED, "s.due_at") if is_due else (Table.RUNNING, "s.claimed_at")
    of_the_row: Conditions = _QUEUE_OF_THE_ROW if is_due else _OF_THE_ROW[ScanSource.RUNNING]
    of_the_task: Conditions = {field: text for field, text in OF_THE_TASK.items() if field not in of_the_row}
    conditions: list[sql.Composable] = [
        *given(chosen, of_the_row),
        *given(chosen, of_the_task),
        *given(chosen, _ID_OF_THE_ROW),
    ]
    if chosen.states is not None and (asked := within(table, chosen.states)):
        conditions.append(in_any_of(frozenset(asked), OF_ITS_ROW))
    source: LiteralString = f"{table.source} s"
    if given(chosen, of_the_task):
        source += _LOOK_UP_TASK
    return sql.SQL(
        "SELECT s.id::text, {at} FROM {source} WHERE {where}"
        " AND (%(start)s::timestamptz IS NULL"
        " OR ({at}, s.id) > (%(start)s::timestamptz, %(start_id)s::uuid))"
        " ORDER BY {at}, s.id LIMIT {most}"
    ).format(at=sql.SQL(at), source=sql.SQL(source), where=all_of(conditions), most=sql.Literal(most))


def _rows_by_state(chosen: TaskFilter, newest: sql.Composed, *, is_small: bool) -> sql.Composed:
    """The newest rows of each table that holds a wanted state, and whether each is in one."""
    states = chosen.states or (frozenset(ShownState) if chosen.status is None else states_of(chosen.status))
    parts: list[sql.Composed] = []
    for table in tables_of(states):
        asked = within(table, states)
        wanted = in_any_of(frozenset(asked), OF_ITS_ROW) if asked else sql.SQL("true")
        rows: list[LiteralString] = [_ROWS[table]]
        if table is Table.ENDED and ShownState.COMPLETED not in states:
            # An index has those of each outcome, newest last.
            rows = [f"{_ENDED_ROWS} AND {OF_ITS_ROW[state]}" for state in asked]
            wanted = sql.SQL("true")
        elif table is Table.READY and is_small:
            rows = [_FEW_READY_ROWS]
        parts += [
            sql.SQL("(SELECT id, queue_name, worker_id, {} AS is_wanted FROM ({}) AS rows{})").format(
                wanted, sql.SQL(one), newest
            )
            for one in rows
        ]
    return sql.SQL("({}) AS s").format(sql.SQL(" UNION ALL ").join(parts))


_OF_AN_END: Conditions = {**OF_THE_END, **NOT_OF_THE_END}
_END_OF_THE_ROW: Conditions = {**_OF_AN_END, "worker": "f.worker_id = %(worker)s::uuid"}
_WORKER_OF_THE_ROW: Conditions = {"worker": "s.worker_id = %(worker)s::uuid"}
_QUEUE_OF_THE_ROW: Conditions = {
    field: OF_THE_TASK[field].replace("t.queue_name", "s.queue_name")
    for field in ("queue", "queues", "not_queues")
}
_ID_OF_THE_ROW: Conditions = {
    "first": "s.id >= %(first)s::uuid",
    "last": "s.id <= %(last)s::uuid",
}

_OF_THE_ROW: dict[ScanSource, Conditions] = {
    ScanSource.TASKS: OF_THE_TASK,
    ScanSource.PENDING: _QUEUE_OF_THE_ROW,
    ScanSource.SMALL_QUEUE: _QUEUE_OF_THE_ROW,
    ScanSource.RUNNING: {**_QUEUE_OF_THE_ROW, **_WORKER_OF_THE_ROW},
    ScanSource.STARTED: _WORKER_OF_THE_ROW,
    ScanSource.ENDED: _END_OF_THE_ROW,
    ScanSource.UNSUCCESSFUL: _END_OF_THE_ROW,
    ScanSource.SEVERAL: _WORKER_OF_THE_ROW,
}
"""What the rows of each source answer by themselves."""

_ENDED_ROWS: LiteralString = (
    "SELECT task_id AS id, NULL::text AS queue_name, outcome, result, error, worker_id, finished_at"
    " FROM lapinq_attempts WHERE final"
)
_ROWS: dict[Table, LiteralString] = {
    Table.READY: "SELECT id, queue_name, NULL::uuid AS worker_id FROM lapinq_ready",
    Table.DELAYED: "SELECT id, queue_name, NULL::uuid AS worker_id, starts, due_at FROM lapinq_delayed",
    Table.RUNNING: "SELECT id, queue_name, worker_id, cancel_requested_at FROM lapinq_running",
    Table.ENDED: _ENDED_ROWS,
}
# The inner limit keeps the planner on lapinq_ready_claim; `is_small_queue` has found fewer rows.
_FEW_READY_ROWS: LiteralString = (
    "SELECT id, queue_name, NULL::uuid AS worker_id FROM lapinq_ready WHERE queue_name = %(queue)s::text"
    " ORDER BY queue_name, rank, seq LIMIT 10000"
)

# The limits keep the planner from scanning one of these tables for the few rows that match.
_LOOK_UP_TASK: LiteralString = (
    " LEFT JOIN LATERAL (SELECT queue_name, task_name, module_path, args, kwargs, metadata, key"
    " FROM lapinq_tasks WHERE id = s.id LIMIT 1) AS t ON true"
)
_LOOK_UP_END: LiteralString = (
    " LEFT JOIN LATERAL (SELECT outcome, result, error, traceback, worker_id, finished_at"
    " FROM lapinq_attempts WHERE task_id = s.id AND final LIMIT 1) AS f ON true"
)
_LOOK_UP_RUNNING: LiteralString = (
    " LEFT JOIN LATERAL (SELECT id, worker_id, cancel_requested_at"
    " FROM lapinq_running WHERE id = s.id LIMIT 1) AS r ON true"
)
_LOOK_UP_READY: LiteralString = (
    " LEFT JOIN LATERAL (SELECT id, queue_name FROM lapinq_ready WHERE id = s.id LIMIT 1) AS w ON true"
)
_LOOK_UP_DELAYED: LiteralString = (
    " LEFT JOIN LATERAL (SELECT id, starts, due_at FROM lapinq_delayed WHERE id = s.id LIMIT 1) AS d ON true"
)
_HAS_STATUS: dict[Status, LiteralString] = {
    Status.PENDING: "(w.id IS NOT NULL OR d.id IS NOT NULL)",
    Status.RUNNING: "r.id IS NOT NULL",
    Status.COMPLETED: "f.outcome = 'completed'",
    Status.FAILED: "f.outcome = 'failed'",
    Status.CANCELLED: "f.outcome = 'cancelled'",
    Status.EXPIRED: "f.outcome = 'expired'",
}
