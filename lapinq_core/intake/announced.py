"""Stores tasks that are ready, and wakes the workers in the same message to the server, so that a task starts early.

That message is three transactions. The first stores the tasks, and its commit does not wait for the disk. The second
notifies. The third flushes, and only then does the caller know that the tasks are stored. While the disk writes,
workers wake and claim: a claim's commit is flushed after that of the task, so nothing starts that a crash could take
back. What else reads the task within that moment may see one that a crash takes back, and whose client has had no
answer.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import psycopg

from lapinq_core.db.notify import ready_notices
from lapinq_core.db.pipelined import Statement, run_pipelined
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.enqueueing import Taken
from lapinq_core.intake.new_tasks import encoded

sql = sql_of(__name__)


def may_start_now(tasks: Iterable[NewTask]) -> bool:
    """Whether `take_in_announced` and `take_in_ready` can store them: none is delayed, fire and forget or unique."""
    return not any(
        task.is_transient
        or task.scheduled_at is not None
        or task.unique is not None
        or task.debounce is not None
        for task in tasks
    )


async def take_in_ready(conn: psycopg.AsyncConnection, tasks: Sequence[NewTask]) -> Taken:
    """As `enqueueing.take_in`, of tasks that `may_start_now`, for less of the program's processor time."""
    [refused] = await run_pipelined(conn, [_enqueue(tasks)])
    if refused:
        raise refused
    return Taken({task.queue_name for task in tasks})


async def take_in_announced(conn: psycopg.AsyncConnection, tasks: Sequence[NewTask]) -> Taken:
    """As `take_in_ready`. What it returns is to announce because NOTIFY failed.

    Raises also if the flush fails: then nobody knows whether the tasks are stored.
    """
    counts = Counter(task.queue_name for task in tasks)
    notices = msgspec.json.encode(ready_notices.packed(counts)).decode()
    refused, unheard, unflushed = await run_pipelined(
        conn,
        [_FLUSH_LATER, _enqueue(tasks)],
        [Statement("lapinq_announce", _ANNOUNCE, (notices,))],
        [_FLUSH],
    )
    if error := refused or unflushed:
        raise error
    return Taken(set(counts) if unheard else set())


async def flush(conn: psycopg.AsyncConnection) -> None:
    """Returns when everything is on disk that has been committed, by anybody."""
    await conn.execute(sql("flush"), prepare=True)


def _enqueue(tasks: Sequence[NewTask]) -> Statement:
    return Statement("lapinq_enqueue", _ENQUEUE, (encoded(tasks),))


_FLUSH_LATER = Statement("lapinq_flush_later", sql("flush_later"))
_FLUSH = Statement("lapinq_flush", sql("flush"))
_ENQUEUE = sql("enqueue").replace("%(tasks)s", "$1")
_ANNOUNCE = sql("announce").replace("%(notices)s", "$1")
