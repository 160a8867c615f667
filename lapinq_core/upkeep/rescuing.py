"""Rescues the tasks of lost workers and those past their deadline. Bounded, and safe to run twice and from anywhere."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from psycopg import sql as psql

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.figures import Figures
from lapinq_core.domain.tasks.decide import Fail, Isolation, Next, Retry, decide
from lapinq_core.domain.tasks.outcome import Outcome, TimedOut, WorkerLost
from lapinq_core.domain.tasks.retry import RetryPolicy
from lapinq_core.error_groups.recording import Failures, grouped, record
from lapinq_core.error_groups.shapes import shape_of
from lapinq_core.figures import rollups, task_rollups
from lapinq_core.tasks import worker_verbs

sql = sql_of(__name__)

PASS_LIMIT = 500
MAX_SUSPECTS = 16
"""If a worker is lost with up to this many tasks, all of them are isolated; of more, only those lost before."""
BOTTOM = "(0,0)"
"""The first position in a table."""
SEARCH_SETTINGS = psql.SQL("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")
"""By statistics, which don't count dead rows, reading the whole table looks as cheap as a part of it."""


async def first_running(conn: PooledConnection, since: str) -> str | None:
    """The position in the table of the first running attempt at or after the position `since`.

    It costs as much as there are dead rows between the two. Until vacuum makes room for new rows there, no row gets an
    earlier position.
    """
    async with conn.transaction():
        await conn.execute(SEARCH_SETTINGS)
        return await first_value(conn, sql("first_running"), {"since": since})


async def rescue(
    conn: PooledConnection, expected: float, rand: float, limit: int = PASS_LIMIT, *, since: str = BOTTOM
) -> dict[str, str | None]:
    """Takes running tasks from workers that are dead or gone, and those past their deadline, and decides their next
    status.

    `expected` is what the caller expects the database's clock to show, in seconds since 1970: by a clock that has just
    jumped nothing is overdue. It looks at the attempts from the position `since` on. Returns the ids rescued, each with
    the queue in which it may start at once, or None.

    Declaring workers dead comes before (`lapinq_core.fleet.workers.declare_dead`); when to call this at all is the
    rescuer's protocol. Nobody else sees these attempts end, so this also counts them in the figures and error groups.
    """
    params = {"limit": limit, "expected": expected, "since": since}
    async with conn.transaction():
        await conn.execute(SEARCH_SETTINGS)
        attempts = [_Lost(*row) for row in await all_rows(conn, sql("find_lost"), params, prepare=True)]
        if not attempts:
            return {}
        lost_with = Counter(attempt.worker_id for attempt in attempts)
        decided = [
            (lost, decide(lost.policy, lost.attempt, _outcome(lost, lost_with[lost.worker_id]), rand))
            for lost in attempts
        ]
        ended = [worker_verbs.ended_as(lost.id, lost.token, following) for lost, following in decided]
        await _count(conn, decided)
        await worker_verbs.settle(conn, ended, rescued=True)
        await record(conn, _failures(decided))
    return {
        lost.id: lost.queue if not (end.final or lost.is_asked_to_stop or end.delay > 0) else None
        for lost, end in zip(attempts, ended, strict=True)
    }


class _Lost(NamedTuple):
    """A row of find_lost.sql."""

    id: str
    token: str
    attempt: int
    max_retries: int
    retry_delay: float
    retry_backoff: bool
    worker: str
    timed_out: bool
    limit_seconds: float
    worker_id: str
    isolation: int
    queue: str
    is_asked_to_stop: bool
    task_name: str

    @property
    def policy(self) -> RetryPolicy:
        return RetryPolicy(self.max_retries, self.retry_delay, self.retry_backoff)


_Decided = Iterable[tuple[_Lost, Next]]


def _outcome(lost: _Lost, lost_with: int) -> Outcome:
    """How the attempt ended. `lost_with` tasks were lost with its worker, itself included."""
    if lost.timed_out:
        return TimedOut(lost.limit_seconds)
    is_suspect = lost_with <= MAX_SUSPECTS or lost.isolation >= Isolation.SUSPECTED
    return WorkerLost(lost.worker, is_suspect=is_suspect)


def _counts(lost: _Lost, following: Next) -> bool:
    """Whether it counts as a failure: a task that was to be cancelled and has no retry left is cancelled."""
    return isinstance(following, Retry) or (isinstance(following, Fail) and not lost.is_asked_to_stop)


async def _count(conn: PooledConnection, decided: _Decided) -> None:
    """Adds the failures to the figures of their queues and tasks."""
    of_queues: defaultdict[str, Figures] = defaultdict(Figures)
    of_tasks: defaultdict[task_rollups.Task, Figures] = defaultdict(Figures)
    for lost, following in decided:
        if _counts(lost, following):
            for figures in (of_queues[lost.queue], of_tasks[lost.queue, lost.task_name]):
                if isinstance(following, Fail):
                    figures.failed += 1
                else:
                    figures.retried += 1
    await rollups.record(conn, of_queues)
    await task_rollups.record(conn, of_tasks)


def _failures(decided: _Decided) -> list[Failures]:
    """The failures, for the groups of their errors."""
    now = time.monotonic()
    return grouped(
        Failures(
            queue_name=lost.queue,
            task_name=lost.task_name,
            shape=shape_of(following.error, None),
            failed=int(isinstance(following, Fail)),
            retried=int(isinstance(following, Retry)),
            first=now,
            last=now,
            task_id=lost.id,
            error=following.error,
        )
        for lost, following in decided
        if isinstance(following, Fail | Retry) and _counts(lost, following)
    )
