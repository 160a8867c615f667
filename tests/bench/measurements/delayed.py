"""How late a delayed task starts: from the time it was scheduled for to the first line of its function.

Single tasks, for 20 ms to 2 s later and half of them for less than 0.2 s, come from another process on the same
machine, whose clock all read; over HTTP, and from a program that stores them itself and tells nobody. Over HTTP also
beside `--backlog` tasks that are due in a year.
"""

import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.bench.contenders import marks
from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.contenders.lapinq_refill import CHUNK
from tests.bench.run.figures import Case, Metric, Reading, percentile
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError

WARM_UP = 20
ARRIVE_SECONDS = 30.0

_WAIT = """
WITH made AS (
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid AS id,
           lapinq_now() + interval '1 year' + random() * interval '1 day' AS due_at
      FROM generate_series(1, %(count)s)
), stored AS (
    INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                              retry_backoff, created_at, scheduled_at)
    SELECT id, 'later', 'nothing', 'tests.bench.contenders.lapinq_tasks', '[]', '{}', 3, 0, 60, true,
           lapinq_now(), due_at
      FROM made
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending) VALUES ('later', %(count)s)
)
INSERT INTO lapinq_delayed (id, due_at, queue_name, rank) SELECT id, due_at, 'later', 0 FROM made
"""


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of lapinq alone."""
    del contenders
    return [
        _case(lapinq, plan, "delayed start, over HTTP", over_http=True),
        _case(
            lapinq,
            plan,
            f"delayed start, {plan.backlog:,} due in a year",
            over_http=True,
            waiting=plan.backlog,
        ),
        _case(lapinq, plan, "delayed start, stored by a program", over_http=False),
    ]


def _case(lapinq: Lapinq, plan: Plan, title: str, *, over_http: bool, waiting: int = 0) -> Case:
    def run() -> list[Reading]:
        with lapinq.fresh_database() as database:
            _fill(database, waiting)
            with _producing(lapinq, plan, database, over_http=over_http) as produce:
                late = _measured(lapinq, plan, database, produce)
        return [
            Reading(Metric(f"{title}, p50", "ms", "less"), lapinq.about.name, percentile(late, 0.50)),
            Reading(Metric(f"{title}, p99", "ms", "less"), lapinq.about.name, percentile(late, 0.99)),
        ]

    return Case(title, lapinq.about.name, run)


@contextmanager
def _producing(
    lapinq: Lapinq, plan: Plan, database: str, *, over_http: bool
) -> Generator[Callable[[int], object]]:
    if over_http:
        with lapinq.http_server(database) as port:
            yield lambda count: lapinq.produce(
                database, "delayed-http", "arrive", port, count, limit=plan.limit
            )
    else:
        yield lambda count: lapinq.produce(database, "delayed", "arrive", count, limit=plan.limit)


def _measured(lapinq: Lapinq, plan: Plan, database: str, produce: Callable[[int], object]) -> list[float]:
    with (
        tempfile.TemporaryDirectory() as name,
        lapinq.worker(database, "coroutines", Path(name)) as worker,
    ):
        produce(WARM_UP)
        produce(plan.samples)
        give_up = time.monotonic() + ARRIVE_SECONDS
        while len(late := marks.waits(Path(name))) < WARM_UP + plan.samples:
            worker.check_alive()
            if time.monotonic() > give_up:
                raise BenchError(f"{len(late)} of {WARM_UP + plan.samples} tasks arrived: {worker.tail()}")
            time.sleep(0.05)
    late = late[WARM_UP:]
    if min(late) < 0:
        raise BenchError(f"a task started {-min(late):.1f} ms early")
    return late


def _fill(database: str, waiting: int) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        for done in range(0, waiting, CHUNK):
            conn.execute(_WAIT, {"count": min(CHUNK, waiting - done)})
        conn.execute("VACUUM (ANALYZE)")
        conn.execute("CHECKPOINT")
