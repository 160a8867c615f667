"""Whether a long queue slows another: the drain of one queue, alone and beside `--backlog` tasks that wait in a second.

The worker serves the first queue only. The second is filled in the database, for what counts is that it is long.
"""

from collections.abc import Sequence

import psycopg

from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.measurements import drain
from tests.bench.run.figures import Case, Metric
from tests.bench.run.plan import Plan

CHUNK = 100_000

# Ids as the client makes them: by the time in milliseconds, so that they fall into the partitions of today.
_WAIT = """
WITH made AS (
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid AS id
      FROM generate_series(1, %(count)s)
), stored AS (
    INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                              retry_backoff, created_at)
    SELECT id, 'long', 'nothing', 'tests.bench.contenders.lapinq_tasks', '[]', '{}', 3, 0, 60, true, lapinq_now()
      FROM made
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending) VALUES ('long', %(count)s)
)
INSERT INTO lapinq_ready (queue_name, rank, id) SELECT 'long', 0, id FROM made
"""


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of lapinq alone."""
    del contenders
    return [_case(lapinq, plan, waiting) for waiting in (0, plan.backlog)]


def _case(lapinq: Lapinq, plan: Plan, waiting: int) -> Case:
    title = f"drain of one queue, {f'{waiting:,} tasks' if waiting else 'nothing'} in another"

    def fill(conn: psycopg.Connection) -> None:
        for done in range(0, waiting, CHUNK):
            conn.execute(_WAIT, {"count": min(CHUNK, waiting - done)})

    metric = Metric(title, "tasks/s", "more")
    return Case(
        title, lapinq.name, lambda: drain.drained(lapinq, plan, "one queue", 1, metric, beforehand=fill)
    )
