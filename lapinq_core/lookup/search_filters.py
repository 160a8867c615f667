"""Which rows one batch of a search scans, and which match: filters as queries that touch a bounded number of rows."""

from enum import Enum
from typing import LiteralString

from psycopg import sql

from lapinq_core.domain.tasks.shown_state import ShownState, states_of
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks.filters import (
    NOT_OF_THE_END,
    OF_THE_END,
    OF_THE_ID,
    OF_THE_TASK,
    OF_THE_WORKER,
    TaskFilter,
    all_of,
    given,
    in_any_of,
)
from lapinq_core.tasks.state_conditions import ANYWHERE, OF_ITS_ROW, Table, tables_of, within


class Place(Enum):
    """Which rows a search scans, from the newest id on."""

    TASKS = "all there are"
    WAITING = "what waits"
    SMALL_QUEUE = "pending tasks of a queue with few ready ones"
    RUNNING = "what runs"
    STARTED = "running and ended tasks"
    ENDED = "what has ended"
    UNSUCCESSFUL = "ended tasks with one outcome other than completed"
    SEVERAL = "the tables that hold several statuses, each from the newest id on"


def place_of(chosen: TaskFilter, *, is_small: bool = False) -> Place:
    """The place whose rows answer most of the filter; `is_small` says that the queue has few ready tasks.

    `Place.TASKS` works for every filter, at a higher cost per task.
    """
    if chosen.status is None and chosen.states is not None:
        # Where both most waiting and most ended tasks may match, each of two tables would hold a batch's worth.
        return Place.TASKS if {Status.PENDING, Status.COMPLETED} <= chosen.statuses else Place.SEVERAL
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
            is_of_the_end = given(chosen, {**_OF_AN_END, **OF_THE_WORKER}) or not given(chosen, OF_THE_TASK)
            return Place.ENDED if is_of_the_end else Place.TASKS
        case _:
            return Place.UNSUCCESSFUL


def scan_query(chosen: TaskFilter, place: Place, size: int) -> sql.Composed:
    """A query for the next `size` ids of `place`, descending, and whether each row by itself may match.

    Its parameters are the fields of `chosen`.
    """
    conditions: list[sql.Composable] = [*given(chosen, _OWN[place])]
    if place is Place.ENDED and chosen.status is Status.COMPLETED:
        conditions.append(sql.SQL("f.outcome = 'completed'"))
    if place in _DIVIDED:
        conditions.append(sql.SQL("s.is_wanted"))
    bounds, most = all_of(given(chosen, OF_THE_ID)), sql.Literal(size)
    parts: dict[str, sql.Composable] = {
        "bounds": bounds,
        "part": sql.SQL(" WHERE {} ORDER BY id DESC LIMIT {}").format(bounds, most),
        "ended": sql.SQL(_ENDED),
        "outcome": sql.Literal(chosen.status),
    }
    source = _union(chosen, place, parts) if place in _DIVIDED else sql.SQL(_SOURCES[place]).format(**parts)
    return sql.SQL("SELECT id, {may_match} AS may_match FROM {source} ORDER BY id DESC LIMIT {most}").format(
        may_match=all_of(conditions), source=source, most=most
    )


def first_query(chosen: TaskFilter, most: int, *, is_due: bool = False) -> sql.Composed:
    """A query for the first `most` matching tasks of a table, by time, and that time.

    The running tasks by the start of their attempts; with `is_due` the delayed ones by when they are due. Its
    parameters are the fields of `chosen`, and `start` and `start_id` of the task to continue after, or NULL.
    """
    table, at = (Table.DELAYED, "s.due_at") if is_due else (Table.RUNNING, "s.claimed_at")
    own: dict[str, LiteralString] = _QUEUE_OF_THE_ROW if is_due else _OWN[Place.RUNNING]
    rest: dict[str, LiteralString] = {field: text for field, text in OF_THE_TASK.items() if field not in own}
    conditions: list[sql.Composable] = [*given(chosen, own), *given(chosen, {**rest, **_ID_OF_THE_ROW})]
    if chosen.states is not None and (asked := within(table, chosen.states)):
        conditions.append(in_any_of(frozenset(asked), OF_ITS_ROW))
    source: LiteralString = f"{table.source} s"
    if given(chosen, rest):
        source += _LOOK_UP["t"]
    return sql.SQL(
        "SELECT s.id::text, {at} FROM {source} WHERE {where}"
        " AND (%(start)s::timestamptz IS NULL"
        " OR ({at}, s.id) > (%(start)s::timestamptz, %(start_id)s::uuid))"
        " ORDER BY {at}, s.id LIMIT {most}"
    ).format(at=sql.SQL(at), source=sql.SQL(source), where=all_of(conditions), most=sql.Literal(most))


def matching_query(chosen: TaskFilter, place: Place, most: int) -> sql.Composed:
    """A query for up to `most` matching ids of the CTE `scanned`, a `scan_query`. It takes the same parameters."""
    own = _OWN[place]
    task, end, perhaps, worker = (
        given(chosen, {field: text for field, text in group.items() if field not in own})
        for group in (OF_THE_TASK, OF_THE_END, NOT_OF_THE_END, OF_THE_WORKER)
    )
    conditions: list[sql.Composable] = [sql.SQL("may_match"), *task, *end, *perhaps, *worker]
    is_asked = place is Place.TASKS and (chosen.status is not None or chosen.states is not None)
    statuses = chosen.statuses if is_asked else frozenset[Status]()
    source: LiteralString = "scanned AS s"
    if task:
        source += _LOOK_UP["t"]
    if worker or Status.RUNNING in statuses:
        source += _LOOK_UP["r"]
    if end or perhaps or worker or statuses & FINAL:
        source += _LOOK_UP["f"]
    if Status.PENDING in statuses:
        source += _LOOK_UP["w"] + _LOOK_UP["d"]
    if is_asked and chosen.states is not None:
        conditions.append(in_any_of(chosen.states, ANYWHERE))
    elif is_asked and chosen.status is not None:
        conditions.append(sql.SQL(_HAS_STATUS[chosen.status]))
    return sql.SQL("SELECT s.id FROM {source} WHERE {where} ORDER BY s.id DESC LIMIT {most}").format(
        source=sql.SQL(source), where=all_of(conditions), most=sql.Literal(most)
    )


def _union(chosen: TaskFilter, place: Place, parts: dict[str, sql.Composable]) -> sql.Composed:
    """The rows of each table that holds a wanted state, and whether each is in one."""
    states = chosen.states or (frozenset(ShownState) if chosen.status is None else states_of(chosen.status))
    found: list[sql.Composed] = []
    rows: list[LiteralString]
    for table in tables_of(states):
        asked = within(table, states)
        if table is Table.ENDED and ShownState.COMPLETED not in states:
            # An index has those of each outcome, newest last.
            rows = [_of_an_outcome(state) for state in asked]
            asked = []
        else:
            is_small = place is Place.SMALL_QUEUE and table is Table.READY
            rows = [_FEW_READY if is_small else _ROWS[table]]
        wanted = in_any_of(frozenset(asked), OF_ITS_ROW) if asked else sql.SQL("true")
        found += [
            sql.SQL(
                "(SELECT id, queue_name, worker_id, {wanted} AS is_wanted FROM ({rows}) AS rows{part})"
            ).format(wanted=wanted, rows=sql.SQL(one), part=parts["part"])
            for one in rows
        ]
    return sql.SQL("({}) AS s").format(sql.SQL(" UNION ALL ").join(found))


def _of_an_outcome(state: ShownState) -> LiteralString:
    return f"{_ENDED} AND {OF_ITS_ROW[state]}"


_OF_AN_END: dict[str, LiteralString] = {**OF_THE_END, **NOT_OF_THE_END}
_WORKER_OF_THE_ROW: dict[str, LiteralString] = {"worker": "s.worker_id = %(worker)s::uuid"}
_QUEUE_OF_THE_ROW: dict[str, LiteralString] = {
    field: OF_THE_TASK[field].replace("t.queue_name", "s.queue_name")
    for field in ("queue", "queues", "not_queues")
}
_ID_OF_THE_ROW: dict[str, LiteralString] = {
    "first": "s.id >= %(first)s::uuid",
    "last": "s.id <= %(last)s::uuid",
}
_END_OF_THE_ROW: dict[str, LiteralString] = {**_OF_AN_END, "worker": "f.worker_id = %(worker)s::uuid"}

_OWN: dict[Place, dict[str, LiteralString]] = {
    Place.TASKS: OF_THE_TASK,
    Place.WAITING: _QUEUE_OF_THE_ROW,
    Place.SMALL_QUEUE: _QUEUE_OF_THE_ROW,
    Place.RUNNING: {**_QUEUE_OF_THE_ROW, **_WORKER_OF_THE_ROW},
    Place.STARTED: _WORKER_OF_THE_ROW,
    Place.ENDED: _END_OF_THE_ROW,
    Place.UNSUCCESSFUL: _END_OF_THE_ROW,
    Place.SEVERAL: _WORKER_OF_THE_ROW,
}
"""Conditions that the rows of each place answer without a lookup."""

_DIVIDED = frozenset({Place.WAITING, Place.SMALL_QUEUE, Place.RUNNING, Place.SEVERAL})
"""Places made of the tables of states (`_union`)."""

_ENDED: LiteralString = (
    "SELECT task_id AS id, NULL::text AS queue_name, outcome, result, error, worker_id"
    " FROM lapinq_attempts WHERE final"
)
_ROWS: dict[Table, LiteralString] = {
    Table.READY: "SELECT id, queue_name, NULL::uuid AS worker_id FROM lapinq_ready",
    Table.DELAYED: "SELECT id, queue_name, NULL::uuid AS worker_id, starts FROM lapinq_delayed",
    Table.RUNNING: "SELECT id, queue_name, worker_id, cancel_requested_at FROM lapinq_running",
    Table.ENDED: _ENDED,
}
# The inner limit keeps the planner on lapinq_ready_claim; `is_small_queue` has found fewer rows.
_FEW_READY: LiteralString = (
    "SELECT id, queue_name, NULL::uuid AS worker_id FROM lapinq_ready WHERE queue_name = %(queue)s::text"
    " ORDER BY queue_name, rank, seq LIMIT 10000"
)

# Each of several tables is limited to the rows wanted in all, so the result doesn't depend on the plan.
_SOURCES: dict[Place, LiteralString] = {
    Place.TASKS: "lapinq_tasks AS t WHERE {bounds}",
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
        " LEFT JOIN LATERAL (SELECT queue_name, task_name, module_path, args, kwargs, metadata, key"
        " FROM lapinq_tasks WHERE id = s.id LIMIT 1) AS t ON true"
    ),
    "f": (
        " LEFT JOIN LATERAL (SELECT outcome, result, error, worker_id"
        " FROM lapinq_attempts WHERE task_id = s.id AND final LIMIT 1) AS f ON true"
    ),
    "r": (
        " LEFT JOIN LATERAL (SELECT id, worker_id, cancel_requested_at"
        " FROM lapinq_running WHERE id = s.id LIMIT 1) AS r ON true"
    ),
    "w": " LEFT JOIN LATERAL (SELECT id, queue_name FROM lapinq_ready WHERE id = s.id LIMIT 1) AS w ON true",
    "d": " LEFT JOIN LATERAL (SELECT id, starts FROM lapinq_delayed WHERE id = s.id LIMIT 1) AS d ON true",
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
