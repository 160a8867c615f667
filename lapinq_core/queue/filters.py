"""Which tasks a list shows: optional filters as a query for their ids. The one place that composes SQL."""

from typing import LiteralString

import msgspec
from psycopg import sql

from lapinq_core.domain.state import Status


class TaskFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is narrowed to. `task_name` is a pattern of ILIKE; `before` is the id to go on from."""

    queue: str | None = None
    status: Status | None = None
    task_name: str | None = None
    before: str | None = None


def pick_tasks(chosen: TaskFilter, limit: int) -> sql.Composed:
    """A query for the ids of the `limit` newest tasks that pass; its parameters are the fields of `chosen`.

    It starts from the table that holds the status, so that a rare one is found without walking the others.
    """
    conditions = [sql.SQL(text) for field, text in _CONDITIONS.items() if getattr(chosen, field) is not None]
    source: sql.Composable = sql.SQL(_SOURCES[chosen.status]) if chosen.status else sql.SQL("lapinq_tasks")
    if chosen.status and (chosen.queue is not None or chosen.task_name is not None):
        source = sql.SQL("{} AS held JOIN lapinq_tasks t USING (id)").format(source)
    else:
        source = sql.SQL("{} AS t").format(source)
    # A limit that the planner knows keeps it from joining everything.
    return sql.SQL("SELECT id FROM {source} WHERE {where} ORDER BY id DESC LIMIT {limit}").format(
        source=source, where=sql.SQL(" AND ").join(conditions or [sql.SQL("true")]), limit=sql.Literal(limit)
    )


def containing(text: str) -> str:
    """The pattern for names that contain `text`, in which % and _ stay wildcards and a backslash escapes."""
    trailing = len(text) - len(text.rstrip("\\"))
    # A last backslash with nothing to escape stands for itself.
    return f"%{text}%" if trailing % 2 == 0 else f"%{text}\\%"


_CONDITIONS: dict[str, LiteralString] = {
    "queue": "t.queue_name = %(queue)s::text",
    "task_name": "t.task_name ILIKE %(task_name)s::text",
    "before": "id < %(before)s::uuid",
}

_SOURCES: dict[Status, LiteralString] = {
    Status.PENDING: "(SELECT id FROM lapinq_ready UNION ALL SELECT id FROM lapinq_delayed)",
    Status.RUNNING: "(SELECT id FROM lapinq_running)",
    Status.COMPLETED: "(SELECT task_id AS id FROM lapinq_attempts WHERE final AND outcome = 'completed')",
    Status.FAILED: "(SELECT task_id AS id FROM lapinq_attempts WHERE final AND outcome = 'failed')",
    Status.CANCELLED: "(SELECT task_id AS id FROM lapinq_attempts WHERE final AND outcome = 'cancelled')",
    Status.EXPIRED: "(SELECT task_id AS id FROM lapinq_attempts WHERE final AND outcome = 'expired')",
}
