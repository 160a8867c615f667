"""Enqueues tasks. A task is accepted when the transaction around these calls commits."""

from collections.abc import Sequence

import msgspec
import psycopg

from lapinq_core.db.rows import one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.new_tasks import encoded

sql = sql_of(__name__)


class Taken(msgspec.Struct, frozen=True):
    """What to announce after the commit.

    `queues` have ready tasks; the first of the delayed tasks is due in `due_in` seconds, None without any
    (`lapinq_core.tasks.due_notices`).
    """

    queues: set[str] = msgspec.field(default_factory=set[str])
    due_in: float | None = None


async def take_in(conn: psycopg.AsyncConnection, tasks: Sequence[NewTask]) -> Taken:
    """Stores `tasks`, all or none.

    The values must have passed `check_task`, and the ids must ascend. The caller wakes workers after the commit
    (`lapinq_core.db.notify.notifier`). Raises the driver's errors.
    """
    queues, due_in = await one_row(conn, sql("enqueue"), {"tasks": encoded(tasks)}, prepare=True)
    return Taken(set(queues), due_in)


async def enqueue(conn: psycopg.AsyncConnection, tasks: Sequence[NewTask]) -> set[str]:
    """As `take_in`; returns only the queues with ready tasks."""
    return (await take_in(conn, tasks)).queues
