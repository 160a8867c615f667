"""What waits for a signal: the suspended tasks that somebody may send one to."""

from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.queue_filter import QueueFilter

sql = sql_of(__name__)

MOST_COUNTED = 5000
"""Waits that a count looks at."""


class After(msgspec.Struct, frozen=True, array_like=True):
    """The wait after which a page begins."""

    since: datetime
    task_id: str
    step: str
    occurrence: int


class WaitFilter(QueueFilter, frozen=True, kw_only=True):
    """Of a queue, of a task, and for the signal `name`."""

    task_id: str | None = None
    name: str | None = None
    after: After | None = None


class Waiting(msgspec.Struct, frozen=True):
    """A wait for the first signal with one of `names`, until `deadline` if it has one. `step` and `occurrence` are its
    place among the steps of its task: a task may have several."""

    task_id: str
    task_name: str
    queue: str
    names: list[str]
    since: datetime
    deadline: datetime | None
    step: str
    occurrence: int

    @property
    def place(self) -> After:
        """For the page that begins after it."""
        return After(self.since, self.task_id, self.step, self.occurrence)


async def list_waits(conn: psycopg.AsyncConnection, chosen: WaitFilter, limit: int) -> list[Waiting]:
    """The oldest first."""
    after = chosen.after
    params = {
        "queue": chosen.queue,
        "queues": chosen.queues,
        "task_id": chosen.task_id,
        "name": chosen.name,
        "after_since": after and after.since,
        "after_task": after and after.task_id,
        "after_step": after and after.step,
        "after_occurrence": after and after.occurrence,
        "limit": limit,
    }
    return [Waiting(*row) for row in await all_rows(conn, sql("list_waits"), params, prepare=False)]


async def count_waits(conn: psycopg.AsyncConnection) -> dict[str, int]:
    """How many tasks wait for a signal, by queue, as far as `MOST_COUNTED` waits tell."""
    return dict(await all_rows(conn, sql("count_waits"), {"most": MOST_COUNTED}, prepare=True))
