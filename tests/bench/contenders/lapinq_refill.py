"""Tasks stored by the database itself: many at once, and a queue that is kept filled while a worker drains it."""

import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg

from tests.bench.contenders.contender import number
from tests.bench.run.processes import BenchError, say

CHUNK = 100_000
CONNECTIONS = 4
"""That fill a database at the same time: more than small servers have cores, for they also wait for its disk."""
REFILL = 20_000
"""Tasks stored at once while a worker drains the queue."""
SHOWN = 1_000_000
"""Tasks between two lines on how far the filling is."""
AHEAD = 3 * REFILL
"""Below so many waiting tasks the queue is refilled."""
_LOOK_SECONDS = 0.05

# Ids as the client makes them: by the time in milliseconds, so that they fall into the partitions of today.
_MADE = """
WITH made AS (
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid AS id,
           lapinq_now() + %(delay)s::interval + random() * interval '1 day' AS due_at
      FROM generate_series(1, %(count)s)
), stored AS (
    INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                              retry_backoff, created_at, scheduled_at, key)
    SELECT id, %(queue)s, %(function)s, 'tests.bench.contenders.lapinq_tasks', '[]', '{}', 3, 0, 60, true,
           lapinq_now(), due_at, %(key)s::text
      FROM made
), """

_PENDING = """counted AS (
    INSERT INTO lapinq_counts (queue_name, pending) VALUES (%(queue)s, %(count)s)
)"""

WAITING = f"""{_MADE}{_PENDING}
INSERT INTO lapinq_ready (queue_name, rank, id) SELECT %(queue)s, 0, id FROM made
"""

DELAYED = f"""{_MADE}{_PENDING}
INSERT INTO lapinq_delayed (id, due_at, queue_name, rank) SELECT id, due_at, %(queue)s, 0 FROM made
"""

_BLOCKED = f"""{_MADE}{_PENDING}
INSERT INTO lapinq_ready (queue_name, rank, id, lane)
SELECT %(queue)s, lapinq_rank(0, lane), id, lane
  FROM (SELECT id, 'blocked ' || row_number() OVER () %% %(keys)s AS lane FROM made) AS m
"""

_RUNNING_ELSEWHERE = """
WITH w AS (
    INSERT INTO lapinq_workers (id, name, hostname, pid, version, pool, concurrency, lease_seconds, started_at, beat_at)
    VALUES (gen_random_uuid(), 'elsewhere', 'elsewhere', 1, '0', 'none', 1, 86400, lapinq_now(), lapinq_now())
    RETURNING id
)
INSERT INTO lapinq_running (id, token, worker_id, queue_name, rank, attempt, claimed_at, deadline_at, lane)
SELECT gen_random_uuid(), gen_random_uuid(), w.id, %(queue)s, 0, 1, lapinq_now(), lapinq_now() + interval '1 day',
       'blocked ' || key
  FROM w, generate_series(0, %(keys)s - 1) AS key, generate_series(1, %(running)s)
"""

_FLOOD = f"""{_MADE}{_PENDING}, told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes) VALUES (%(queue)s, ARRAY[%(key)s])
)
INSERT INTO lapinq_ready (queue_name, rank, id, lane) SELECT %(queue)s, lapinq_rank(0, %(key)s), id, %(key)s FROM made
"""

_LANED = """
INSERT INTO lapinq_queues (name, is_laned) VALUES (%s, true) ON CONFLICT (name) DO UPDATE SET is_laned = true
"""

FINISHED = f"""{_MADE}counted AS (
    INSERT INTO lapinq_counts (queue_name, completed) VALUES (%(queue)s, %(count)s)
)
INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, result, run_seconds, claimed_at, finished_at, worker_id,
                             token)
SELECT id, 1, true, 'completed', 'null', 0.0001, lapinq_now(), lapinq_now(), gen_random_uuid(), gen_random_uuid()
  FROM made
"""


def add(conn: psycopg.Connection, statement: str, queue: str, count: int, **given: object) -> None:
    """Stores `count` tasks in `queue` by one of the statements here; nobody is notified."""
    given = {"queue": queue, "function": "nothing", "key": None, "delay": None, **given}
    for done in range(0, count, CHUNK):
        conn.execute(statement.encode(), {**given, "count": min(CHUNK, count - done)})


def add_blocked(conn: psycopg.Connection, queue: str, count: int, keys: int, running: int) -> None:
    """Lets `count` tasks of `keys` keys wait in `queue`, each of which has `running` tasks that run elsewhere."""
    add(conn, _BLOCKED, queue, count, function="blocked", keys=keys)
    conn.execute(_RUNNING_ELSEWHERE, {"queue": queue, "keys": keys, "running": running})


def add_flood(conn: psycopg.Connection, queue: str, key: str, count: int) -> None:
    """Lets `count` tasks of one key wait in `queue`, each of which takes 5 ms."""
    conn.execute(_LANED, (queue,))
    add(conn, _FLOOD, queue, count, function="take_briefly", key=key)


def add_many(database: str, statement: str, queue: str, count: int, what: str) -> None:
    """As `add`, over several connections, and says how far it is."""
    began = time.monotonic()

    def add_share(share: int) -> None:
        # Nothing is measured yet, so no commit needs to wait for the disk.
        with psycopg.connect(database, autocommit=True, options="-c synchronous_commit=off") as conn:
            add(conn, statement, queue, share)

    with ThreadPoolExecutor(CONNECTIONS) as executor:
        for start in range(0, count, SHOWN):
            now = min(SHOWN, count - start)
            shares = [now // CONNECTIONS + (place < now % CONNECTIONS) for place in range(CONNECTIONS)]
            list(executor.map(add_share, shares))
            say(f"stored {start + now:,} of {count:,} {what} tasks ({time.monotonic() - began:.0f} s)")


@contextmanager
def kept_filled(database: str, queue: str, waiting: int) -> Generator[int]:
    """Refills `queue`, the only one, in which `waiting` tasks wait, so that at least as many keep waiting.

    Gives the process id of the backend that does. Raises `BenchError` at the end if the worker was faster than that.
    """
    over = threading.Event()
    with psycopg.connect(database, autocommit=True) as conn, ThreadPoolExecutor(1) as executor:
        lowest = executor.submit(_refill, conn, queue, waiting, over)
        try:
            yield conn.info.backend_pid
        finally:
            over.set()
        if lowest.result() <= waiting - AHEAD:
            raise BenchError("the queue ran dry: tasks were not stored as fast as the worker ended them")


def _refill(conn: psycopg.Connection, queue: str, waiting: int, over: threading.Event) -> int:
    """The lowest number of waiting tasks seen."""
    stored, lowest = waiting, waiting
    while not over.is_set():
        # The sequence of claims tells how many were taken without reading a table.
        left = stored - int(number(conn, "SELECT last_value FROM lapinq_claim_seq"))
        lowest = min(lowest, left)
        if left < waiting:
            add(conn, WAITING, queue, REFILL)
            stored += REFILL
        else:
            over.wait(_LOOK_SECONDS)
    return lowest
