"""Optional filters as queries for ids: for lists of tasks and for bulk changes.

Only this file and `search_filters.py` compose SQL.
"""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import LiteralString, TypeVar

import msgspec
from psycopg import sql

from lapinq_core.domain.queue_filter import QueueFilter
from lapinq_core.domain.tasks.shown_state import STATUS_OF, ShownState, states_of, statuses_of
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks.state_conditions import ANYWHERE, Table, tables_of, within


class TaskFilter(QueueFilter, frozen=True, kw_only=True):
    """The filters. `task_name`, `module`, `args`, `kwargs`, `arguments` (either of both), `metadata`, `result` and
    `error` are ILIKE patterns; `not_task_names`, `not_arguments`, `not_metadata`, `not_results` and `not_errors` are
    lists of patterns that must not match, `keys` and `not_keys` lists of LIKE patterns for the whole key.

    `named_arguments` is a JSON object. Its keys name parameters, with dots into objects. Each value has an ILIKE
    pattern, `like`, for the whole argument, and where functions take it by position, `at`, by task name
    (`lookup/search/argument_positions.py`).

    `states` are the states that a task may be in; none of them, if both `status` and `states` exclude each other.
    `name` is an exact task name, `key` a task's key, `error_kind` what `kind_of` makes of an error, `error_groups` ids
    of groups of errors, `worker` the id of the worker that runs or ended a task. A list continues before the id
    `before`; `first` and `last` are the lowest and highest ids. `ended_since` and `ended_until` (exclusive) bound when
    a task ended. A filter by that, by result or by error matches only tasks that have ended.
    """

    status: Status | None = None
    states: frozenset[ShownState] | None = None
    task_name: str | None = None
    name: str | None = None
    module: str | None = None
    args: str | None = None
    kwargs: str | None = None
    arguments: str | None = None
    metadata: str | None = None
    result: str | None = None
    error: str | None = None
    error_kind: str | None = None
    error_groups: list[int] | None = None
    worker: str | None = None
    key: str | None = None
    keys: list[str] | None = None
    named_arguments: str | None = None
    names: list[str] | None = None
    not_queues: list[str] | None = None
    not_names: list[str] | None = None
    not_task_names: list[str] | None = None
    not_keys: list[str] | None = None
    not_arguments: list[str] | None = None
    not_metadata: list[str] | None = None
    not_results: list[str] | None = None
    not_errors: list[str] | None = None
    not_error_kinds: list[str] | None = None
    ended_since: datetime | None = None
    ended_until: datetime | None = None
    before: str | None = None
    first: str | None = None
    last: str | None = None

    @property
    def statuses(self) -> frozenset[Status]:
        """The statuses that a matching task may have."""
        of_states = frozenset(Status) if self.states is None else statuses_of(self.states)
        return of_states if self.status is None else of_states & {self.status}


_Filter = TypeVar("_Filter", bound=TaskFilter)


def in_states(chosen: _Filter, states: AbstractSet[ShownState]) -> _Filter:
    """`chosen`, limited to `states` as well; with a status instead, where that says the same."""
    left = states if chosen.states is None else states & chosen.states
    if chosen.status is not None:
        left &= states_of(chosen.status)
    if len(left) == len(ShownState):
        return chosen
    statuses = statuses_of(left)
    status = next(iter(statuses)) if len(statuses) == 1 else None
    is_whole = status is not None and left == states_of(status)
    return msgspec.structs.replace(chosen, status=status, states=None if is_whole else frozenset(left))


def is_void(chosen: TaskFilter) -> bool:
    """Whether nothing can match: an unfinished task has no result, a pending one no worker."""
    if chosen.queues == []:
        return True
    statuses = chosen.statuses
    if given(chosen, {**OF_THE_END, **OF_THE_GROUP}) and not statuses & FINAL:
        return True
    return not statuses or (chosen.worker is not None and statuses <= {Status.PENDING})


def pick_tasks(chosen: TaskFilter, limit: int) -> sql.Composed:
    """A query for the ids of the `limit` newest matching tasks; its parameters are the fields of `chosen`.

    It starts from the table that holds the status, so that it finds rare ones without walking the others.
    """
    source: LiteralString = _SOURCES[chosen.status] if chosen.status else "lapinq_tasks AS t"
    if chosen.status and given(chosen, {**OF_THE_TASK, **OF_THE_GROUP}):
        source += " JOIN lapinq_tasks t USING (id)"
    if chosen.worker is not None or chosen.states is not None:
        source += _JOIN_RUNNING
    conditions = given(chosen, _ALL)
    # A limit that the planner knows keeps it from joining everything.
    return sql.SQL("SELECT id FROM {source} WHERE {where} ORDER BY id DESC LIMIT {limit}").format(
        source=sql.SQL(source + _join_rest(chosen)),
        where=all_of([*conditions, *_in_state(chosen)]),
        limit=sql.Literal(limit),
    )


def walk_ids(chosen: TaskFilter, limit: int, *, newest_first: bool = False) -> sql.Composed:
    """A query for the lowest `limit` ids, or with `newest_first` the highest, in the tables that hold the status; the
    other filters don't apply.

    Its parameters are `lower` and `upper`: it looks between these ids, including `upper`.
    """
    next_ids = sql.SQL(
        "SELECT id FROM {} WHERE id > %(lower)s::uuid AND id <= %(upper)s::uuid ORDER BY id {} LIMIT {}"
    )
    most, direction = sql.Literal(limit), sql.SQL("DESC" if newest_first else "ASC")
    # Each table is limited to the ids wanted in all, so that none is read to its end and sorted.
    found = [next_ids.format(sql.SQL(each), direction, most) for each in _walked(chosen)]
    if len(found) == 1:
        return found[0]
    union = sql.SQL(" UNION ALL ").join(sql.SQL("({})").format(each) for each in found)
    return sql.SQL("SELECT id FROM ({}) AS held ORDER BY id {} LIMIT {}").format(union, direction, most)


def these_ids(chosen: TaskFilter) -> sql.Composed:
    """A query for those of the parameter `ids` that are in the tables of the status."""
    found = [
        sql.SQL("SELECT id FROM {} WHERE id = ANY (%(ids)s::uuid[])").format(sql.SQL(each))
        for each in _walked(chosen)
    ]
    return sql.SQL(" UNION ALL ").join(found)


def pick_looked_at(chosen: TaskFilter) -> sql.Composed:
    """A query for the matching tasks of the CTE `looked`, and whether each is running.

    Its parameters are the fields of `chosen`, and `started`: tasks created later don't match.
    """
    conditions = given(chosen, _ALL)
    source: LiteralString = "looked JOIN lapinq_tasks t USING (id)" + _JOIN_RUNNING
    source += _JOIN_END if chosen.status is Status.COMPLETED else _join_rest(chosen)
    if chosen.status is Status.COMPLETED:
        conditions.append(sql.SQL("f.outcome = 'completed'"))
    return sql.SQL(
        "SELECT id, r.id IS NOT NULL AS is_running FROM {source}"
        " WHERE t.created_at <= %(started)s::timestamptz AND {where}"
    ).format(source=sql.SQL(source), where=all_of([*conditions, *_in_state(chosen)]))


def containing(text: str) -> str:
    """The pattern for texts that contain `text`; % and _ stay wildcards, a backslash escapes."""
    trailing = len(text) - len(text.rstrip("\\"))
    # A trailing backslash has nothing to escape and stands for itself.
    return f"%{text}%" if trailing % 2 == 0 else f"%{text}\\%"


def literally(text: str) -> str:
    """The pattern for texts that contain `text` literally, as typed into a search field."""
    return f"%{_WILDCARD.sub(_ESCAPE, text)}%"


def beginning(text: str) -> str:
    """The pattern for a text with one asterisk at its end, which stands for anything; `\\*` is an asterisk."""
    if text.endswith("\\*"):
        return _WILDCARD.sub(_ESCAPE, f"{text[:-2]}*")
    return f"{_WILDCARD.sub(_ESCAPE, text[:-1])}%" if text.endswith("*") else _WILDCARD.sub(_ESCAPE, text)


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


def all_of(conditions: Iterable[sql.Composable]) -> sql.Composed:
    """All conditions joined with AND."""
    return sql.SQL(" AND ").join(conditions or [sql.SQL("true")])


def in_any_of(states: AbstractSet[ShownState], conditions: dict[ShownState, LiteralString]) -> sql.Composed:
    """That a task is in one of `states`."""
    found = [sql.SQL(conditions[state]) for state in ShownState if state in states]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(found or [sql.SQL("false")]))


def _in_state(chosen: TaskFilter) -> list[sql.Composed]:
    return [] if chosen.states is None else [in_any_of(chosen.states, ANYWHERE)]


def _join_rest(chosen: TaskFilter) -> LiteralString:
    """The joins that conditions on the end, the worker and the states need; running tasks are joined already."""
    tables = [] if chosen.states is None else tables_of(chosen.states)
    joins: LiteralString = ""
    if Table.READY in tables:
        joins += " LEFT JOIN lapinq_ready w USING (id)"
    if Table.DELAYED in tables:
        joins += " LEFT JOIN lapinq_delayed d USING (id)"
    if given(chosen, {**OF_THE_END, **OF_THE_GROUP}):
        return joins + _JOIN_END
    is_end_asked = Table.ENDED in tables or given(chosen, {**NOT_OF_THE_END, **OF_THE_WORKER})
    return joins + _LEFT_JOIN_END if is_end_asked else joins


def _walked(chosen: TaskFilter) -> list[LiteralString]:
    if chosen.states is not None:
        return _walked_for(chosen.states)
    match chosen.status:
        case None:
            return ["lapinq_tasks"]
        case Status.COMPLETED:
            # Most tasks end so, and no index has them alone: where few did, looking for a batch's fill of them could
            # take a walk through all that ended.
            return [f"({_ENDED}) AS held"]
        case status:
            return [_SOURCES[status]]


def _walked_for(states: AbstractSet[ShownState]) -> list[LiteralString]:
    found: list[LiteralString] = []
    for table in tables_of(states):
        if table is not Table.ENDED:
            found.append(table.source)
        elif ShownState.COMPLETED in states:
            found.append(f"({_ENDED}) AS held")
        else:
            found.extend(_SOURCES[STATUS_OF[state]] for state in within(table, states))
    return found


FIRST_LINE: LiteralString = "left(split_part(f.error, E'\\n', 1), 300)"
"""The part of an error that tells its kind, in SQL."""

# One text for Python, which tells kinds apart, and for PostgreSQL, which finds a kind again, fifteen times as slowly.
# PostgreSQL takes the longest alternative, Python the first: of those that may begin at one place each is longer than
# those after it. Classes of ASCII alone, for what else is a letter depends on the locale.
_NO_WORD_BEFORE: LiteralString = "(?<![0-9A-Za-z_])"
_NO_WORD_AFTER: LiteralString = "(?![0-9A-Za-z_])"
_HEX: LiteralString = "[0-9a-fA-F]"
UNQUOTED_HOLES: LiteralString = "|".join(
    (
        f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}",
        f"{_NO_WORD_BEFORE}(?={_HEX}*[0-9]){_HEX}*[a-fA-F]{_HEX}*{_NO_WORD_AFTER}",
        "[0-9]+(?:[.,:][0-9]+)*",
    )
)
_HOLES: LiteralString = f"{_NO_WORD_BEFORE}'[^']*'|{_NO_WORD_BEFORE}\"[^\"]*\"|{UNQUOTED_HOLES}"
# What a hole begins with, looked for first, makes it more than twice as quick in Python.
_HOLE = re.compile(f"(?=['\"0-9a-fA-F])(?:{_HOLES})")
_WILDCARD = re.compile(r"[\\%_]")
_ESCAPE = r"\\\g<0>"

OF_THE_ID: dict[str, LiteralString] = {
    "before": "id < %(before)s::uuid",
    "first": "id >= %(first)s::uuid",
    "last": "id <= %(last)s::uuid",
}
_KIND: LiteralString = f"regexp_replace({FIRST_LINE}, $holes${_HOLES}$holes$, '*', 'g')"
# PostgreSQL can't read NUL or half of a surrogate pair, escaped, and fails the whole search.
_NAMED_ARGUMENT: LiteralString = (
    "CASE WHEN (t.args::text || t.kwargs::text) !~ '\\\\u(0000|[dD][89a-fA-F])'"
    " THEN coalesce(t.kwargs #>> string_to_array(asked.name, '.'),"
    " t.args #>> (ARRAY[asked.wanted -> 'at' ->> t.task_name] || (string_to_array(asked.name, '.'))[2:])) END"
)
OF_THE_TASK: dict[str, LiteralString] = {
    "queue": "t.queue_name = %(queue)s::text",
    "task_name": "t.task_name ILIKE %(task_name)s::text",
    "name": "t.task_name = %(name)s::text",
    "key": "t.key = %(key)s::text",
    "keys": "t.key LIKE ANY (%(keys)s::text[])",
    "module": "t.module_path ILIKE %(module)s::text",
    "args": "t.args::text ILIKE %(args)s::text",
    "kwargs": "t.kwargs::text ILIKE %(kwargs)s::text",
    "arguments": "(t.args::text ILIKE %(arguments)s::text OR t.kwargs::text ILIKE %(arguments)s::text)",
    "metadata": "t.metadata::text ILIKE %(metadata)s::text",
    "queues": "t.queue_name = ANY (%(queues)s::text[])",
    "names": "t.task_name = ANY (%(names)s::text[])",
    "not_queues": "t.queue_name <> ALL (%(not_queues)s::text[])",
    "not_names": "t.task_name <> ALL (%(not_names)s::text[])",
    "not_task_names": "t.task_name NOT ILIKE ALL (%(not_task_names)s::text[])",
    "not_keys": "(t.key LIKE ANY (%(not_keys)s::text[])) IS NOT TRUE",
    "not_arguments": (
        "NOT (t.args::text ILIKE ANY (%(not_arguments)s::text[])"
        " OR t.kwargs::text ILIKE ANY (%(not_arguments)s::text[]))"
    ),
    "not_metadata": "(t.metadata::text ILIKE ANY (%(not_metadata)s::text[])) IS NOT TRUE",
    "named_arguments": (
        "NOT EXISTS (SELECT FROM jsonb_each(%(named_arguments)s::jsonb) AS asked (name, wanted)"
        f" WHERE ({_NAMED_ARGUMENT} ILIKE (asked.wanted ->> 'like')) IS NOT TRUE)"
    ),
}
# The kind comes last: it takes longer than all others together, and is asked of what has passed them.
OF_THE_END: dict[str, LiteralString] = {
    "ended_since": "f.finished_at >= %(ended_since)s::timestamptz",
    "ended_until": "f.finished_at < %(ended_until)s::timestamptz",
    "result": "f.result ILIKE %(result)s::text",
    "error": "f.error ILIKE %(error)s::text",
    "error_kind": f"{_KIND} = %(error_kind)s::text",
}
NOT_OF_THE_END: dict[str, LiteralString] = {
    "not_results": "(f.result ILIKE ANY (%(not_results)s::text[])) IS NOT TRUE",
    "not_errors": "(f.error ILIKE ANY (%(not_errors)s::text[])) IS NOT TRUE",
    "not_error_kinds": f"({_KIND} = ANY (%(not_error_kinds)s::text[])) IS NOT TRUE",
}
"""Tasks that have not ended match, too."""
OF_THE_WORKER: dict[str, LiteralString] = {
    "worker": "%(worker)s::uuid IN (f.worker_id, r.worker_id)",
}
OF_THE_GROUP: dict[str, LiteralString] = {
    "error_groups": (
        "lapinq_error_group(t.queue_name, t.task_name, f.error, f.traceback) = ANY (%(error_groups)s::bigint[])"
    ),
}
"""Asked last, for the function says what it costs: of tasks that have ended and passed the other conditions."""
_ALL: dict[str, LiteralString] = {
    **OF_THE_TASK,
    **OF_THE_END,
    **NOT_OF_THE_END,
    **OF_THE_WORKER,
    **OF_THE_ID,
    **OF_THE_GROUP,
}
_JOIN_RUNNING: LiteralString = " LEFT JOIN lapinq_running r USING (id)"
_JOIN_END: LiteralString = " JOIN lapinq_attempts f ON f.task_id = id AND f.final"
_LEFT_JOIN_END: LiteralString = " LEFT JOIN lapinq_attempts f ON f.task_id = id AND f.final"

_ENDED: LiteralString = "SELECT task_id AS id FROM lapinq_attempts WHERE final"
_SOURCES: dict[Status, LiteralString] = {
    Status.PENDING: "(SELECT id FROM lapinq_ready UNION ALL SELECT id FROM lapinq_delayed) AS held",
    Status.RUNNING: "(SELECT id FROM lapinq_running) AS held",
    Status.COMPLETED: f"({_ENDED} AND outcome = 'completed') AS held",
    Status.FAILED: f"({_ENDED} AND outcome = 'failed') AS held",
    Status.CANCELLED: f"({_ENDED} AND outcome = 'cancelled') AS held",
    Status.EXPIRED: f"({_ENDED} AND outcome = 'expired') AS held",
}
