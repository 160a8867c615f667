"""What became of the parents that the arguments of tasks in workflows name."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec
import psycopg

from lapinq_core.db.arrays import text_array, uuid_array
from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.references import ParentOutcome

sql = sql_of(__name__)


class NamedParent(NamedTuple):
    """A parent, and the places in the request of those that name it.

    `status` is an outcome, `deleted`, or `pending` for one that has not ended. `size` is that of the result, in bytes.
    `version` is another one when it has ended again, None while it has not. `result` is JSON text, None if there is
    none or it was left out.
    """

    id: str
    workflow_id: str
    ref: str
    numbers: list[int]
    status: str
    error: str | None
    size: int
    version: str | None
    result: str | None

    @property
    def outcome(self) -> ParentOutcome:
        """For arguments that name it."""
        return ParentOutcome(self.status, msgspec.Raw((self.result or "null").encode()), self.error)


async def named_parents(
    conn: psycopg.AsyncConnection,
    named: Sequence[tuple[str, Collection[str]]],
    *,
    first_bytes: int,
    max_bytes: int,
    known: Collection[str] = (),
) -> list[NamedParent]:
    """The parents by these refs, of tasks by these ids; unknown ones are left out.

    Results of `known` versions are left out, and those that don't fit: of the first task's parents all are sent, if
    these have at most `first_bytes` together, of the others' as many as fit into `max_bytes`.
    """
    wanted = [(task_id, ref, number) for number, (task_id, refs) in enumerate(named) for ref in refs]
    params = {
        "ids": uuid_array([task_id for task_id, _, _ in wanted]),
        "refs": text_array([ref for _, ref, _ in wanted]),
        "numbers": [number for _, _, number in wanted],
        "known": text_array(list(known)),
        "first_bytes": first_bytes,
        "max_bytes": max_bytes,
    }
    return [NamedParent(*row) for row in await all_rows(conn, sql("named_parents"), params, prepare=True)]


async def queues_of(conn: psycopg.AsyncConnection, ids: Sequence[str]) -> dict[str, str]:
    """The queue of each of these tasks that still exists."""
    return dict(await all_rows(conn, sql("queues_of"), {"ids": uuid_array(ids)}, prepare=True))
