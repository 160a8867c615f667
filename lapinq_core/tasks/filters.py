"""Optional filters as queries for ids: for lists of tasks and for bulk changes.

Only this file and `search_filters.py` compose SQL.
"""

import re
from collections.abc import Iterable
from typing import LiteralString

import msgspec
from psycopg import sql

from lapinq_core.domain.tasks.state import Status


class TaskFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The filters. `task_name`, `module`, `args`, `result` and `error` are ILIKE patterns.

    `name` is an exact task name, `error_kind` what `kind_of` makes of an error, `worker` the id of the worker that runs
    or ended a task. A list continues before the id `before`; `first` and `last` are the lowest and highest ids. A
    filter by result or error matches only tasks that have ended. With `is_delayed` a walk visits only delayed tasks.
    """

    queue: str | None = None
    status: Status | None = None
    is_delayed: bool | None = None
    task_name: str | None = None
    name: str | None = None
    module: str | None = None
    args: str | None = None
    result: str | None = None
    error: str | None = None
    error_kind: str | None = None
    worker: str | None = None
    before: str | None = None
    first: str | None = None
    last: str | None = None


def pick_tasks(chosen: TaskFilter, limit: int) -> sql.Composed:
    """A query for the ids of the `limit` newest matching tasks; its parameters are the fields of `chosen`.

    It starts from the table that holds the status, so that it finds rare ones without walking the others.
    """
    source: sql.Composable = sql.SQL(_SOURCES[chosen.status] if chosen.status else "lapinq_tasks AS t")
    if chosen.status and given(chosen, OF_THE_TASK):
        source += sql.SQL(" JOIN lapinq_tasks t USING (id)")
    if chosen.worker is not None:
        source += sql.SQL(" LEFT JOIN lapinq_running r USING (id)")
    source += sql.SQL(_join_end(chosen))
    conditions = given(chosen, {**OF_THE_TASK, **OF_THE_END, **OF_THE_WORKER, **OF_THE_ID})
    # A limit that the planner knows keeps it from joining everything.
    return sql.SQL("SELECT id FROM {source} WHERE {where} ORDER BY id DESC LIMIT {limit}").format(
        source=source, where=all_of(conditions), limit=sql.Literal(limit)
    )


def walk_ids(chosen: TaskFilter, limit: int) -> sql.Composed:
    """A query for the next `limit` ids, ascending, in the table that holds the status; the other filters don't apply.

    Its parameters are `after` and `until`: it looks between these ids, including `until`.
    """
    return sql.SQL(
        "SELECT id FROM {source} WHERE id > %(after)s::uuid AND id <= %(until)s::uuid ORDER BY id LIMIT {limit}"
    ).format(source=sql.SQL(_walked(chosen)), limit=sql.Literal(limit))


def these_ids(chosen: TaskFilter) -> sql.Composed:
    """A query for those of the parameter `ids` that are in the table of the status."""
    return sql.SQL("SELECT id FROM {source} WHERE id = ANY (%(ids)s::uuid[])").format(
        source=sql.SQL(_walked(chosen))
    )


def pick_looked_at(chosen: TaskFilter) -> sql.Composed:
    """A query for the matching tasks of the CTE `looked`, and whether each is running.

    Its parameters are the fields of `chosen`, and `started`: tasks created later don't match.
    """
    conditions = given(chosen, {**OF_THE_TASK, **OF_THE_END, **OF_THE_WORKER, **OF_THE_ID})
    source: sql.Composable = sql.SQL(
        "looked JOIN lapinq_tasks t USING (id) LEFT JOIN lapinq_running r USING (id)"
    )
    source += sql.SQL(_JOIN_END if chosen.status is Status.COMPLETED else _join_end(chosen))
    if chosen.status is Status.COMPLETED:
        conditions.append(sql.SQL("f.outcome = 'completed'"))
    return sql.SQL(
        "SELECT id, r.id IS NOT NULL AS is_running FROM {source}"
        " WHERE t.created_at <= %(started)s::timestamptz AND {where}"
    ).format(source=source, where=all_of(conditions))


def containing(text: str) -> str:
    """The pattern for texts that contain `text`; % and _ stay wildcards, a backslash escapes."""
    trailing = len(text) - len(text.rstrip("\\"))
    # A trailing backslash has nothing to escape and stands for itself.
    return f"%{text}%" if trailing % 2 == 0 else f"%{text}\\%"


def literally(text: str) -> str:
    """The pattern for texts that contain `text` literally, as typed into a search field."""
    return f"%{_WILDCARD.sub(_ESCAPE, text)}%"


def first_line(error: str) -> str:
    """The part of an error that tells its kind, as `FIRST_LINE` in the database."""
    return error.partition("\n")[0][:300]


def kind_of(line: str) -> str:
    """Groups errors that differ only in numbers, ids and quoted parts: these become `*`.

    `line` is the `first_line` of an error. A filter by `error_kind` does the same in the database.
    """
    return _HOLE.sub("*", line)


def pattern_of(kind: str) -> str:
    """A pattern that every error of this kind matches."""
    return f"{_WILDCARD.sub(_ESCAPE, kind).replace('*', '%')}%"


def given(chosen: TaskFilter, conditions: dict[str, LiteralString]) -> list[sql.SQL]:
    """The `conditions` whose fields are set."""
    return [sql.SQL(text) for field, text in conditions.items() if getattr(chosen, field) is not None]


def all_of(conditions: Iterable[sql.SQL]) -> sql.Composed:
    """All conditions joined with AND."""
    return sql.SQL(" AND ").join(conditions or [sql.SQL("true")])


def _join_end(chosen: TaskFilter) -> LiteralString:
    if given(chosen, OF_THE_END):
        return _JOIN_END
    return "" if chosen.worker is None else _LEFT_JOIN_END


def _walked(chosen: TaskFilter) -> LiteralString:
    if chosen.is_delayed:
        return "(SELECT id FROM lapinq_delayed) AS held"
    match chosen.status:
        case None:
            return "lapinq_tasks"
        case Status.COMPLETED:
            # Most tasks end so, and no index has them alone: where few did, looking for a batch's fill of them could
            # take a walk through all that ended.
            return "(SELECT task_id AS id FROM lapinq_attempts WHERE final) AS held"
        case status:
            return _SOURCES[status]


FIRST_LINE: LiteralString = "left(split_part(f.error, E'\\n', 1), 300)"
"""The part of an error that tells its kind, in SQL."""

# One text for Python, which tells kinds apart, and for PostgreSQL, which finds a kind again, fifteen times as slowly.
# PostgreSQL takes the longest alternative, Python the first: of those that may begin at one place each is longer than
# those after it. Classes of ASCII alone, for what else is a letter depends on the locale.
_NO_WORD_BEFORE: LiteralString = "(?<![0-9A-Za-z_])"
_NO_WORD_AFTER: LiteralString = "(?![0-9A-Za-z_])"
_HEX: LiteralString = "[0-9a-fA-F]"
_HOLES: LiteralString = "|".join(
    (
        f"{_NO_WORD_BEFORE}'[^']*'",
        f'{_NO_WORD_BEFORE}"[^"]*"',
        f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}",
        f"{_NO_WORD_BEFORE}(?={_HEX}*[0-9]){_HEX}*[a-fA-F]{_HEX}*{_NO_WORD_AFTER}",
        "[0-9]+(?:[.,:][0-9]+)*",
    )
)
# What a hole begins with, looked for first, makes it more than twice as quick in Python.
_HOLE = re.compile(f"(?=['\"0-9a-fA-F])(?:{_HOLES})")
_WILDCARD = re.compile(r"[\\%_]")
_ESCAPE = r"\\\g<0>"

OF_THE_ID: dict[str, LiteralString] = {
    "before": "id < %(before)s::uuid",
    "first": "id >= %(first)s::uuid",
    "last": "id <= %(last)s::uuid",
}
OF_THE_TASK: dict[str, LiteralString] = {
    "queue": "t.queue_name = %(queue)s::text",
    "task_name": "t.task_name ILIKE %(task_name)s::text",
    "name": "t.task_name = %(name)s::text",
    "module": "t.module_path ILIKE %(module)s::text",
    "args": "t.args::text ILIKE %(args)s::text",
}
# The kind comes last: it takes longer than all others together, and is asked of what has passed them.
OF_THE_END: dict[str, LiteralString] = {
    "result": "f.result ILIKE %(result)s::text",
    "error": "f.error ILIKE %(error)s::text",
    "error_kind": f"regexp_replace({FIRST_LINE}, $holes${_HOLES}$holes$, '*', 'g') = %(error_kind)s::text",
}
OF_THE_WORKER: dict[str, LiteralString] = {
    "worker": "%(worker)s::uuid IN (f.worker_id, r.worker_id)",
}
_JOIN_END: LiteralString = " JOIN lapinq_attempts f ON f.task_id = id AND f.final"
_LEFT_JOIN_END: LiteralString = " LEFT JOIN lapinq_attempts f ON f.task_id = id AND f.final"

_SOURCES: dict[Status, LiteralString] = {
    Status.PENDING: "(SELECT id FROM lapinq_ready UNION ALL SELECT id FROM lapinq_delayed) AS held",
    Status.RUNNING: "(SELECT id FROM lapinq_running) AS held",
    Status.COMPLETED: "(SELECT task_id AS id FROM lapinq_attempts WHERE final AND outcome = 'completed') AS held",
    Status.FAILED: "(SELECT task_id AS id FROM lapinq_attempts WHERE final AND outcome = 'failed') AS held",
    Status.CANCELLED: "(SELECT task_id AS id FROM lapinq_attempts WHERE final AND outcome = 'cancelled') AS held",
    Status.EXPIRED: "(SELECT task_id AS id FROM lapinq_attempts WHERE final AND outcome = 'expired') AS held",
}
