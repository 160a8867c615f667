"""Rescues the tasks of lost workers and those past their deadline. Bounded, and safe to run twice and from anywhere."""

import time
from collections import Counter, defaultdict

from psycopg import sql as psql

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.figures import Figures
from lapinq_core.domain.tasks.decide import Fail, Isolation, Retry, decide
from lapinq_core.domain.tasks.outcome import TimedOut, WorkerLost
from lapinq_core.domain.tasks.retry import RetryPolicy
from lapinq_core.error_groups.recording import Failures, grouped, record
from lapinq_core.figures import rollups, task_rollups
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.filters import first_line, kind_of

sql = sql_of(__name__)

PASS_LIMIT = 500
MAX_SUSPECTS = 16
"""If a worker is lost with up to this many tasks, all of them are isolated; of more, only those lost before."""
BOTTOM = "(0,0)"
"""The first place in a table."""
SEARCH_SETTINGS = psql.SQL("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")
"""By statistics, which don't count dead rows, reading the whole table looks as cheap as a part of it."""
_WORKER_ID = 9  # among the columns of find_lost.sql


async def first_running(conn: PooledConnection, since: str) -> str | None:
    """The place in the table of the first running attempt, looking from the place `since` on.

    It costs as much as there are dead rows between the two. Until vacuum makes room for new rows there, nothing enters
    before it.
    """
    async with conn.transaction():
        await conn.execute(SEARCH_SETTINGS)
        return await first_value(conn, sql("first_running"), {"since": since})


async def rescue(
    conn: PooledConnection, expected: float, rand: float, limit: int = PASS_LIMIT, *, since: str = BOTTOM
) -> dict[str, str | None]:
    """Takes running tasks from workers that are dead or gone, and those past their deadline, and decides their next.

    `expected` is what the caller expects the database's clock to show, in seconds since 1970: by a clock that has just
    jumped nothing is overdue. It looks at the attempts from the place `since` on. Answers the ids rescued, each with
    the queue in which it may start at once, or None.
    Declaring workers dead comes before (`lapinq_core.fleet.workers.declare_dead`); when to call this at all is the
    rescuer's protocol. What fails or is retried is counted here, in the figures over time and in the error groups, for
    nobody else sees its end.
    """
    params = {"limit": limit, "expected": expected, "since": since}
    async with conn.transaction():
        await conn.execute(SEARCH_SETTINGS)
        rows = await all_rows(conn, sql("find_lost"), params, prepare=True)
        lost_with = Counter(row[_WORKER_ID] for row in rows)
        ended: list[worker_verbs.Ended] = []
        rescued: dict[str, str | None] = {}
        figures: defaultdict[str, Figures] = defaultdict(Figures)
        of_tasks: defaultdict[task_rollups.Task, Figures] = defaultdict(Figures)
        failures: list[Failures] = []
        for (
            task_id,
            token,
            attempt,
            max_retries,
            retry_delay,
            retry_backoff,
            worker,
            timed_out,
            limit_seconds,
            worker_id,
            isolation,
            queue,
            is_asked_to_stop,
            task_name,
        ) in rows:
            policy = RetryPolicy(max_retries, retry_delay, retry_backoff)
            outcome = (
                TimedOut(limit_seconds)
                if timed_out
                else WorkerLost(
                    worker,
                    is_suspect=lost_with[worker_id] <= MAX_SUSPECTS or isolation >= Isolation.SUSPECTED,
                )
            )
            following = decide(policy, attempt, outcome, rand)
            ended.append(end := worker_verbs.ended_as(task_id, token, following))
            is_ready = not end.final and not is_asked_to_stop and end.delay <= 0
            rescued[task_id] = queue if is_ready else None
            if isinstance(following, Fail) and not is_asked_to_stop:
                figures[queue].failed += 1
                of_tasks[queue, task_name].failed += 1
                failures.append(_failure(queue, task_name, task_id, following))
            elif isinstance(following, Retry):
                figures[queue].retried += 1
                of_tasks[queue, task_name].retried += 1
                failures.append(_failure(queue, task_name, task_id, following))
        if ended:
            await rollups.record(conn, figures)
            await task_rollups.record(conn, of_tasks)
            await worker_verbs.settle(conn, ended, rescued=True)
            await record(conn, grouped(failures))
        return rescued


def _failure(queue: str, task_name: str, task_id: str, following: Fail | Retry) -> Failures:
    is_final = isinstance(following, Fail)
    return Failures(
        queue_name=queue,
        task_name=task_name,
        kind=kind_of(first_line(following.error)),
        failed=int(is_final),
        retried=int(not is_final),
        first=(now := time.monotonic()),
        last=now,
        task_id=task_id,
        error=following.error,
    )
