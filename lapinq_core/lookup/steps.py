"""The steps and waits of one task for people: bounded, however many it has."""

from datetime import datetime
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.domain.tasks.durable.messages import Kind
from lapinq_core.lookup.task_detail import Value

sql = sql_of(__name__)

MOST_ROWS = 200
MOST_SINGLE = 5
"""Steps of one name that have a row each; more are folded into one."""
WHOLE_BYTES = 4000
"""A larger result, as JSON text, is cut."""
PART_CHARACTERS = 1000


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A step or wait, or all `count` of a name: then without `occurrence`, `names`, `other_id` and `result`.

    `ended_at` is None while one of them waits, and `due_at` is when that is over. `seconds` is the time that those
    which ended took together. `names` are the signals of a wait, or how its task ended. `other_id` is the task that it
    waits for or spawned, in `other_queue`, None if that was deleted; if the reader may not see that queue, it has
    neither id, `occurrence` nor `result`.
    """

    kind: Kind
    name: str
    occurrence: int | None
    count: int
    waiting: int
    timed_out: int
    failed: int
    began_at: datetime
    ended_at: datetime | None
    due_at: datetime | None
    seconds: float
    first_attempt: int
    last_attempt: int
    names: list[str] | None
    other_id: str | None
    other_queue: str | None
    result: Value | None


class Outline(msgspec.Struct, frozen=True):
    """The lines, and how many steps and waits the task has in all."""

    lines: list[Line]
    count: int

    @property
    def is_cut(self) -> bool:
        """Whether there are more than its lines tell."""
        return sum(line.count for line in self.lines) < self.count


async def outline(conn: psycopg.AsyncConnection, task_id: str, readable: Readable = None) -> Outline:
    """Those of a task, in the order in which they began."""
    params = {
        "id": task_id,
        "readable": as_list(readable),
        "single": MOST_SINGLE,
        "whole": WHOLE_BYTES,
        "part": PART_CHARACTERS,
        "limit": MOST_ROWS,
    }
    rows = await all_rows(conn, sql("outline_steps"), params, prepare=True)
    return Outline([_line(row) for row in rows], rows[0][-1] if rows else 0)


def _line(row: tuple[Any, ...]) -> Line:
    *plain, size, text, _ = row
    fields: dict[str, Any] = dict(zip(Line.__struct_fields__, plain, strict=False))
    return Line(**fields, result=None if size is None else Value(text, size))
