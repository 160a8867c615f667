"""Fills a database as years of use would.

`python -m tests.bench.dashboard.seed URL --finished 10000000 --waiting 1000000`

What stands in a row follows from its number alone, so that batches are made side by side, and another run makes the
same. The rows are made in the database; the trigger of the tests that looks at each move must not be there.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import LiteralString, NamedTuple

import click
import psycopg
from psycopg import sql

from lapinq_core.db.migrate import migrate
from lapinq_core.domain.error_groups import MAX_GROUPS
from tests.bench.run.facts import machine_facts

CHUNK = 200_000
SIDE_BY_SIDE = 2
WAITING_HOURS = 2
"""What waits was enqueued within this time."""
WEEK = 7 * 86_400_000
FIRST_MONDAY = 4 * 86_400_000
"""In milliseconds, as ids count them."""
WORKERS = 10
RUNNING = 200
RARE_QUEUE = "rare"
"""One task of a hundred thousand is in it; the others are in 19 queues, as many in each."""
KEYED_QUEUE = "keyed"
"""Has at most one running task of each of its 10,000 keys, and 200 keys of which one runs."""

_PARTITION: LiteralString = """
DO $$
DECLARE
    week timestamptz;
    parent text;
    partition text;
    key text;
BEGIN
    FOR n IN 0..{weeks} LOOP
        week := date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - n * interval '7 days';
        FOREACH parent IN ARRAY ARRAY['lapinq_tasks', 'lapinq_attempts'] LOOP
            partition := parent || to_char(week AT TIME ZONE 'UTC', '_YYYYMMDD');
            CONTINUE WHEN to_regclass(partition) IS NOT NULL;
            key := CASE parent WHEN 'lapinq_tasks' THEN 'id' ELSE 'task_id' END;
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition,
                (lpad(to_hex((extract(epoch FROM week) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid,
                (lpad(to_hex((extract(epoch FROM week + interval '7 days') * 1000)::bigint), 12, '0')
                 || repeat('0', 20))::uuid);
        END LOOP;
    END LOOP;
END
$$
"""

# A number becomes a task: `h` scatters what goes by it, `ms` is when it was enqueued, spread evenly from `start` on.
_MADE: LiteralString = """
SELECT m.*,
       to_timestamp(ms / 1000.0) AS created_at,
       (lpad(to_hex(ms), 12, '0') || '7' || substr(digest, 1, 3) || '8' || substr(digest, 4, 15))::uuid AS id,
       CASE WHEN h %% 100000 = 0 THEN 'rare' ELSE 'queue-' || lpad((h %% 19)::text, 2, '0') END AS queue_name,
       'task_' || lpad((h / 19 %% 50)::text, 2, '0') AS task_name,
       CASE WHEN h / 1000 %% 1000 < 20 THEN 'failed'
            WHEN h / 1000 %% 1000 < 25 THEN 'cancelled'
            WHEN h / 1000 %% 1000 < 30 THEN 'expired'
            ELSE 'completed' END AS outcome,
       CASE WHEN h %% 10 = 0 THEN 5 ELSE 0 END AS priority
  FROM (SELECT n,
               hashint4(n)::bigint & 2147483647 AS h,
               md5(n::text) AS digest,
               %(start)s::bigint + ((n - %(base)s::bigint) * %(step)s::float8)::bigint AS ms
          FROM generate_series(%(first)s::integer, %(last)s::integer) AS n) AS m
"""

_KEYED_MADE: LiteralString = _MADE.replace("WHEN h %% 100000 = 0 THEN 'rare'", "WHEN true THEN 'keyed'")

_TASKS: LiteralString = """
INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                          retry_backoff, created_at)
SELECT id, queue_name, task_name, 'app.jobs.' || task_name,
       ('["customer-' || h %% 100000 || '", ' || n || ']')::json, '{{"dry_run": false}}', 3, priority, 10, true,
       created_at
  FROM ({made}) AS made
"""

_ATTEMPTS: LiteralString = """
INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, result, error, traceback, run_seconds, claimed_at,
                             finished_at, worker_id, token)
SELECT id,
       CASE WHEN outcome = 'failed' AND final THEN 4 WHEN outcome = 'failed' THEN 3 WHEN started THEN 1 ELSE 0 END,
       final,
       outcome,
       CASE WHEN outcome = 'completed' THEN '{{"rows": ' || h %% 1000 || '}}' END,
       CASE outcome
            WHEN 'failed' THEN
                (ARRAY['TimeoutError: timeout after ' || h %% 600 / 10.0 || ' s',
                       'ConnectionError: HTTPConnectionPool(host=''api-' || h %% 40 || '.example'', port=443)',
                       'KeyError: ''customer-' || h %% 100000 || '''',
                       'ValueError: invalid literal for int() with base 10: ''' || substr(digest, 1, 6) || '''',
                       'IntegrityError: row ' || id || ' is there already'])[1 + h / 7 %% 5]
                || (ARRAY['', ' (while reading)', ' (while writing)', ' (primary)', ' (replica)',
                          E'\\nDETAIL: request ' || substr(digest, 1, 8)])[1 + h / 35 %% 6]
            WHEN 'cancelled' THEN 'cancelled by a person'
            WHEN 'expired' THEN 'its time to live ran out before it could start' END,
       CASE outcome WHEN 'failed' THEN repeat('  File "/app/jobs.py", line 12, in run' || chr(10), 12) END,
       CASE WHEN started THEN h %% 1000 / 100.0 END,
       CASE WHEN started THEN created_at + interval '1 second' END,
       created_at + interval '1 second' + h %% 1000 / 100.0 * interval '1 second',
       CASE WHEN started THEN lpad((h %% {workers})::text, 32, '0')::uuid END,
       CASE WHEN started THEN id END
  FROM ({made}) AS made
 CROSS JOIN LATERAL (SELECT outcome IN ('completed', 'failed')) AS o (started)
 CROSS JOIN LATERAL (SELECT true UNION ALL SELECT false WHERE outcome = 'failed') AS e (final)
"""

_FINISHED_COUNTS: LiteralString = """
INSERT INTO lapinq_counts (queue_name, completed, failed, cancelled, expired)
SELECT queue_name, count(*) FILTER (WHERE outcome = 'completed'), count(*) FILTER (WHERE outcome = 'failed'),
       count(*) FILTER (WHERE outcome = 'cancelled'), count(*) FILTER (WHERE outcome = 'expired')
  FROM ({made}) AS made
 GROUP BY queue_name
"""

# As workers write them and upkeep folds them: for each queue, and under no name for all of them. Runs and waits are
# spread over a few buckets of the histogram.
_ROLLUPS: LiteralString = """
INSERT INTO lapinq_rollups (span, since, queue_name, started, completed, failed, runs, waits)
SELECT span, date_bin(span * interval '1 second', created_at, to_timestamp(0)), name,
       count(*) FILTER (WHERE outcome IN ('completed', 'failed')), count(*) FILTER (WHERE outcome = 'completed'),
       count(*) FILTER (WHERE outcome = 'failed'),
       array_fill(0::bigint, ARRAY[12]) || array_fill(1 + count(*) / 20, ARRAY[16]),
       array_fill(0::bigint, ARRAY[8]) || array_fill(1 + count(*) / 20, ARRAY[20])
  FROM ({made}) AS made
 CROSS JOIN (VALUES (10, interval '3 hours'), (60, interval '3 days'), (900, interval '30 days')) AS spans (span, kept)
 CROSS JOIN LATERAL (VALUES (queue_name), ('')) AS names (name)
 WHERE created_at > now() - kept
 GROUP BY 1, 2, 3
"""

# The same for each task name, in wider spans.
_TASK_ROLLUPS: LiteralString = """
INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name, completed, failed, runs)
SELECT span, date_bin(span * interval '1 second', created_at, to_timestamp(0)), queue_name, task_name,
       count(*) FILTER (WHERE outcome = 'completed'), count(*) FILTER (WHERE outcome = 'failed'),
       array_fill(0::bigint, ARRAY[12]) || array_fill(1 + count(*) / 20, ARRAY[16])
  FROM ({made}) AS made
 CROSS JOIN (VALUES (60, interval '3 hours'), (900, interval '3 days'), (7200, interval '30 days'))
            AS spans (span, kept)
 WHERE created_at > now() - kept
 GROUP BY 1, 2, 3, 4
"""

# What the process on duty samples: ready and running tasks of each queue, and under no name of all of them.
_LEVELS: LiteralString = """
INSERT INTO lapinq_levels (span, since, queue_name, sampled_at, ready, running)
SELECT span, at, name, at, share * 1000, share
  FROM (VALUES (60, 180), (900, 288), (7200, 360)) AS spans (span, points)
 CROSS JOIN LATERAL generate_series(0, points) AS n
 CROSS JOIN LATERAL date_bin(span * interval '1 second', now() - n * span * interval '1 second', to_timestamp(0)) AS at
 CROSS JOIN (SELECT 'queue-' || lpad(q::text, 2, '0') AS name, 10 AS share FROM generate_series(0, 18) AS q
             UNION ALL
             SELECT '', 190) AS names
"""

# Of twenty that wait one is not due yet; half of those have been tried before.
_WAITING: LiteralString = """
WITH made AS MATERIALIZED ({made}), delayed AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts)
    SELECT id, now() + h / 20 %% 86400 * interval '1 second', queue_name, -priority, h / 20 %% 2
      FROM made
     WHERE h %% 20 = 0
), retried AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, claimed_at, finished_at, worker_id, token)
    SELECT id, 1, false, 'failed', 'TimeoutError: timeout after ' || h %% 60 || ' s', created_at, created_at,
           lpad((h %% {workers})::text, 32, '0')::uuid, id
      FROM made
     WHERE h %% 20 = 0
       AND h / 20 %% 2 = 1
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT queue_name, count(*)
      FROM made
     GROUP BY queue_name
)
INSERT INTO lapinq_ready (queue_name, rank, id)
SELECT queue_name, -priority, id
  FROM made
 WHERE h %% 20 > 0
 ORDER BY n
"""

_KEYED: LiteralString = """
WITH made AS MATERIALIZED ({made}), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT queue_name, count(*)
      FROM made
     GROUP BY queue_name
)
INSERT INTO lapinq_ready (queue_name, rank, id, lane)
SELECT queue_name, lapinq_rank(-priority, key), id, key
  FROM (SELECT *, 'customer-' || h %% 10000 AS key FROM made) AS keyed
 ORDER BY n
"""

_LANES: LiteralString = """
WITH queue AS (
    INSERT INTO lapinq_queues (name, is_laned, max_running_per_key) VALUES ('keyed', true, 1)
), lanes AS (
    INSERT INTO lapinq_lanes (queue_name, lane, names, is_open, rank, place, changed_at)
    SELECT 'keyed', lane, '', row_number() OVER (ORDER BY lane) % 50 > 0, min(rank), min(seq), now()
      FROM lapinq_ready
     WHERE queue_name = 'keyed'
     GROUP BY lane
    RETURNING lane, is_open
)
INSERT INTO lapinq_running (id, token, worker_id, queue_name, rank, attempt, claimed_at, deadline_at, lane)
SELECT gen_random_uuid(), gen_random_uuid(), lpad('0', 32, '0')::uuid, 'keyed', 0, 1, now(), now() + interval '1 day',
       lane
  FROM lanes
 WHERE NOT is_open
"""

_RUNNING: LiteralString = """
INSERT INTO lapinq_running (id, token, worker_id, queue_name, rank, attempt, claimed_at, deadline_at, progress,
                            cancel_requested_at)
SELECT id, id, lpad((n %% {workers})::text, 32, '0')::uuid, queue_name, -priority, 1, created_at + interval '1 second',
       now() + interval '1 day', h %% 100, CASE WHEN n %% 50 = 0 THEN now() END
  FROM ({made}) AS made
"""

# So long a lease that none is declared dead while nobody beats for it.
_WORKERS: LiteralString = """
INSERT INTO lapinq_workers (id, name, hostname, pid, version, queues, pool, concurrency, lease_seconds, started_at,
                            beat_at, running)
SELECT lpad(n::text, 32, '0')::uuid, 'seeded-' || n, 'host-' || n, 1000 + n, '0', NULL, 'processes', 20, 604800,
       now(), now(), 20
  FROM generate_series(0, {workers} - 1) AS n
    ON CONFLICT (id) DO NOTHING
"""

# As many groups of errors as are kept, if there are as many tasks, and their counts: an hour each of the last day, and
# finer ones of a few.
_ERRORS: LiteralString = """
WITH grouped AS (
    INSERT INTO lapinq_error_groups (fingerprint, queue_name, task_name, kind, state, state_by, state_at, first_at,
                                     last_at, failed, retried, sample_error, sample_frame, workers, releases)
    SELECT decode(md5(n::text), 'hex'), 'queue-' || lpad((n %% 19)::text, 2, '0'),
           'task_' || lpad((n / 19 %% 50)::text, 2, '0'), 'TimeoutError' || repeat('a', n %% 26) || ': after * s',
           (ARRAY['open', 'resolved', 'muted', 'regressed'])[1 + n %% 4], 'lisa', now(),
           now() - interval '20 days', now() - n * interval '8 seconds', n %% 1000, n %% 700,
           'TimeoutError' || repeat('a', n %% 26) || ': after 5 s', '/app/jobs.py:12 in run', '{{seeded-1}}', '{{2.4}}'
      FROM generate_series(1, {groups}) AS n
    RETURNING id
)
INSERT INTO lapinq_error_counts (group_id, span, since, failed, retried)
SELECT id, span, date_bin(span * interval '1 second', now(), to_timestamp(0)) - n * span * interval '1 second',
       n %% 7, n %% 5
  FROM grouped
 CROSS JOIN (VALUES (3600, 24, {groups}), (300, 300, 500)) AS spans (span, points, most)
 CROSS JOIN LATERAL generate_series(0, points - 1) AS n
 WHERE id <= most
"""


@click.command()
@click.argument("url")
@click.option("--finished", default=10_000_000, show_default=True)
@click.option("--waiting", default=1_000_000, show_default=True)
@click.option("--running", default=RUNNING, show_default=True)
@click.option("--weeks", default=6, show_default=True, help="Over which the finished ones are spread.")
@click.option("--keyed", default=0, show_default=True, help="So many more wait in a queue with 10,000 keys.")
def main(url: str, finished: int, waiting: int, running: int, weeks: int, keyed: int) -> None:
    """Brings the empty database at URL to the newest schema and fills it."""
    migrate(url)
    sys.stdout.write(f"{machine_facts()}\n")
    begun = time.monotonic()
    seed(url, finished, waiting, running, weeks, keyed)
    sys.stdout.write(f"filled and analyzed in {time.monotonic() - begun:.0f} s\n")


def seed(
    url: str,
    finished: int,
    waiting: int,
    running: int = RUNNING,
    weeks: int = 6,
    keyed: int = 0,
    *,
    only_tasks: bool = False,
    fills_weeks: bool = False,
) -> None:
    """Fills the database at `url`, which has the schema and nothing in it, and vacuums it.

    `only_tasks` leaves out error groups and what charts show, which take most of the time. With `fills_weeks` each
    weekly partition gets as many finished tasks, today's too: PostgreSQL rightly scans one that has only a few rows,
    and plan tests would depend on the day.
    """
    with _connect(url) as conn:
        conn.execute(sql.SQL(_PARTITION).format(weeks=sql.Literal(weeks)))
        conn.execute(sql.SQL(_WORKERS).format(workers=sql.Literal(WORKERS)))
        if not only_tasks:
            conn.execute(_LEVELS)
            groups = min(MAX_GROUPS, finished)  # each has failed
            conn.execute(sql.SQL(_ERRORS).format(groups=sql.Literal(groups)), {})
        row = conn.execute("SELECT (extract(epoch FROM now()) * 1000)::bigint").fetchone()
        assert row is not None
        now: int = row[0]
    charts = () if only_tasks else (_ROLLUPS, _TASK_ROLLUPS)
    begun = now - WAITING_HOURS * 3_600_000
    base = finished + 1
    kinds = [
        *(
            _Kind((_TASKS, _ATTEMPTS, _FINISHED_COUNTS, *charts), *share)
            for share in _shares(finished, now, weeks, fills_weeks=fills_weeks)
        ),
        _Kind((_TASKS, _WAITING), base, waiting, begun, now),
        _Kind((_TASKS, _RUNNING), base + waiting, running, now - 600_000, now),
        _Kind((_TASKS, _KEYED), base + waiting + running, keyed, begun, now, _KEYED_MADE),
    ]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        jobs = [
            pool.submit(_fill, url, kind, first)
            for kind in kinds
            for first in range(kind.base, kind.base + kind.rows, CHUNK)
        ]
        for job in jobs:
            job.result()
    with _connect(url) as conn:
        if keyed:
            conn.execute(_LANES)
        conn.execute("SELECT setval('lapinq_claim_seq', 100000)")
        conn.execute("VACUUM (ANALYZE)")
        conn.execute("CHECKPOINT")


class _Kind(NamedTuple):
    """What stands in `rows` rows from number `base` on, enqueued between the milliseconds `start` and `end`."""

    statements: tuple[LiteralString, ...]
    base: int
    rows: int
    start: int
    end: int
    made: LiteralString = _MADE


def _shares(rows: int, now: int, weeks: int, *, fills_weeks: bool) -> list[tuple[int, int, int, int]]:
    """The first number, the rows, the start and the end of each part of the history."""
    if not fills_weeks:
        return [(1, rows, now - weeks * WEEK, now)]
    monday = now - (now - FIRST_MONDAY) % WEEK
    firsts = [1 + rows * n // (weeks + 1) for n in range(weeks + 2)]
    starts = [*(monday - n * WEEK for n in range(weeks, -1, -1)), now]
    return [
        (first, after - first, start, end)
        for (first, after), (start, end) in zip(pairwise(firsts), pairwise(starts), strict=True)
    ]


def _fill(url: str, kind: _Kind, first: int) -> None:
    params = {
        "first": first,
        "last": min(first + CHUNK, kind.base + kind.rows) - 1,
        "base": kind.base,
        "start": kind.start,
        "step": (kind.end - kind.start) / kind.rows,
    }
    made, workers = sql.SQL(kind.made), sql.Literal(WORKERS)
    with _connect(url) as conn, conn.transaction():
        for statement in kind.statements:
            conn.execute(sql.SQL(statement).format(made=made, workers=workers), params)


def _connect(url: str) -> psycopg.Connection:
    conn = psycopg.connect(url, autocommit=True)
    # What is lost with the machine is made anew.
    conn.execute("SET synchronous_commit = off; SET work_mem = '256MB'; SET jit = off; SET timezone = 'UTC'")
    return conn


if __name__ == "__main__":
    main()
