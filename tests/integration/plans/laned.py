"""A database in which tasks wait in many lanes, most of them ready to start and most tasks behind blocked keys.

Each order has a queue with `LANES` open lanes of a task each, and `BLOCKED` keys that are at their limit, whose tasks
came before all others: a plan that reads tasks of blocked keys, or all lanes, is found out. One more queue has tasks
that wait for a named limit, many of them in the first lanes of another, and one a circuit breaker.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import LiteralString

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from tests.support.database.plans import spare_autovacuum

LANES = 10_000
BLOCKED = 100
HELD = 1000
"""Keys of the queue in strict order that a delayed task holds."""
WAITING_EACH = 200
"""Of a blocked key, so 20,000 tasks of each queue are ahead of all that may start."""
WORKER = "00000000-0000-0000-0000-000000000003"
ORDERS = ("priority", "fair", "strict_per_key")
LIMITED, WATCHED = "limited", "watched"


class Laned(msgspec.Struct, frozen=True):
    """By queue of `ORDERS` the last ready task of a blocked key, with its rank and entry; a task that waits for a
    limit, and some that run and take from it. The token of each of these is its id."""

    blocked: dict[str, tuple[str, int, int]]
    limited: str
    running: list[str]


_FILLING: LiteralString = """
INSERT INTO lapinq_workers (id, name, hostname, pid, version, pool, concurrency, lease_seconds, started_at, beat_at)
VALUES (%(worker)s, 'w', 'h', 1, '0', 'threads', 4, 30, now(), now());

INSERT INTO lapinq_queues (name, start_order, max_running_per_key, rate_per_key, is_laned, has_breaker)
SELECT name, CASE WHEN name = ANY (%(orders)s::text[]) THEN name ELSE 'priority' END,
       CASE WHEN name = ANY (%(orders)s::text[]) THEN 1 END,
       CASE WHEN name = ANY (%(orders)s::text[]) THEN jsonb '{"limit": 9, "period_seconds": 1, "burst": 9}' END,
       name <> %(watched)s, name = %(watched)s
  FROM unnest(%(orders)s::text[] || %(limited)s::text || %(watched)s::text) AS name;

INSERT INTO lapinq_limits (name, max_running, rate, created_at)
VALUES ('api', NULL, '{"limit": 1000, "period_seconds": 1, "burst": 1000}', now()), ('gpu', 50, NULL, now());

-- Tasks in the default partition, and where they wait: first those of blocked keys.
CREATE TEMPORARY TABLE made AS
SELECT ('00fc' || lpad(to_hex(row_number() OVER ()), 8, '0') || '70008000000000000000')::uuid AS id, *
  FROM (SELECT q AS queue, 'k' || lpad(k::text, 6, '0') AS lane, NULL::bigint[] AS units, false AS is_open
          FROM unnest(%(orders)s::text[]) AS q, generate_series(1, %(blocked)s) AS k, generate_series(1, %(each)s)
         UNION ALL
        SELECT q, 'm' || lpad(k::text, 6, '0'), NULL, true
          FROM unnest(%(orders)s::text[]) AS q, generate_series(1, %(lanes)s) AS k
         UNION ALL
        SELECT %(limited)s, 'k' || lpad(k::text, 6, '0') || chr(31) || 'gpu', '{1}', true
          FROM generate_series(1, %(lanes)s) AS k
         UNION ALL
        SELECT %(limited)s, 'm' || lpad(k::text, 6, '0') || chr(31) || 'api', '{1}', true
          FROM generate_series(1, 200) AS k
         UNION ALL
        SELECT %(limited)s, 'm' || lpad(k::text, 6, '0') || chr(31) || 'api', '{1}', true
          FROM generate_series(1, 5) AS k, generate_series(1, 50)
         UNION ALL
        SELECT %(watched)s, NULL, NULL, NULL FROM generate_series(1, %(lanes)s)) AS rows;

INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                          retry_backoff, created_at, key)
SELECT id, queue, 'add', 'app', '[]', '{}', 3, 0, 10, true, now(), split_part(lane, chr(31), 1) FROM made;

INSERT INTO lapinq_ready (queue_name, rank, id, lane, units)
SELECT queue, lapinq_rank(0, lane), id, lane, units FROM made ORDER BY id;

INSERT INTO lapinq_lanes (queue_name, lane, names, is_open, rank, place, head, changed_at)
SELECT r.queue_name, r.lane, split_part(r.lane, chr(31), 2), bool_and(m.is_open),
       CASE WHEN r.queue_name = 'priority' OR r.units IS NOT NULL THEN min(r.rank) ELSE 0 END,
       CASE WHEN r.queue_name = 'fair' THEN 0 ELSE min(r.seq) END,
       CASE WHEN r.queue_name = 'strict_per_key' THEN (array_agg(r.id ORDER BY r.seq))[1] END,
       now() - interval '2 minutes'
  FROM lapinq_ready r
  JOIN made m USING (id)
 WHERE r.lane IS NOT NULL
 GROUP BY r.queue_name, r.lane, r.units;

-- Tasks that failed once and hold their key.
CREATE TEMPORARY TABLE held AS
SELECT ('00fd' || lpad(to_hex(k), 8, '0') || '70008000000000000000')::uuid AS id, 'strict_per_key' AS queue,
       'm' || lpad(k::text, 6, '0') AS key
  FROM generate_series(1, %(held)s) AS k;

INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, lane)
SELECT id, now() + interval '1 hour', queue, 0, 1, key FROM held;

INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, claimed_at, finished_at)
SELECT id, 1, false, 'failed', 'no', now() - interval '1 hour', now() - interval '1 hour' FROM held;

-- Keys that were used, and what runs: a task of each blocked key, and of the limit as many as may.
INSERT INTO lapinq_keys (queue_name, key, tokens, tokens_at, holder, changed_at)
SELECT l.queue_name, l.lane, 9, now(), coalesce(h.id, gen_random_uuid()), now()
  FROM lapinq_lanes l
  LEFT JOIN held h ON h.queue = l.queue_name AND h.key = l.lane
 WHERE l.queue_name = ANY (%(orders)s::text[]);

INSERT INTO lapinq_running (id, token, worker_id, queue_name, rank, attempt, claimed_at, deadline_at, lane, units)
SELECT id, id, %(worker)s, queue_name, 0, 1, now(), now() + interval '1 hour', lane, units
  FROM (SELECT gen_random_uuid() AS id, queue_name, lane, NULL::bigint[] AS units FROM lapinq_lanes WHERE NOT is_open
         UNION ALL
        SELECT gen_random_uuid(), %(limited)s, 'r' || k || chr(31) || 'gpu', '{1}'
          FROM generate_series(1, 50) AS k) AS runs;

INSERT INTO lapinq_circuit_breakers (queue_name, failures_in_row, failure_share, window_seconds, least_attempts,
                                     retry_after_seconds, since, since_seq)
VALUES (%(watched)s, 5, 0.5, 60, 20, 10, now(), 0);

-- What claims find: news of a few lanes and limits, and attempts of the breaker that have ended.
INSERT INTO lapinq_lane_news (queue_name, lanes)
SELECT queue_name, array_agg(lane)
  FROM (SELECT queue_name, lane, row_number() OVER (PARTITION BY queue_name ORDER BY is_open, lane) AS nth
          FROM lapinq_lanes) AS numbered
 WHERE nth <= 5
 GROUP BY queue_name;

INSERT INTO lapinq_limit_news (limit_name, units) SELECT 'api', -1 FROM generate_series(1, 20);

INSERT INTO lapinq_circuit_breaker_starts (kind, name, seq, task_id, claimed_at)
SELECT 'queue', %(watched)s, row_number() OVER (), id, now() FROM made WHERE queue = %(watched)s LIMIT 20;

INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, claimed_at, finished_at, token)
SELECT task_id, 1, true, 'completed', claimed_at, now(), task_id FROM lapinq_circuit_breaker_starts;

INSERT INTO lapinq_unique_keys (queue_name, key, task_id, until, taken_at)
SELECT queue, lane, id, 'finished', now() FROM made WHERE queue = 'fair' AND is_open;

INSERT INTO lapinq_idempotency_keys (key, digest, task_ids, created_at)
SELECT n::text, '', '{}', now() FROM generate_series(1, %(lanes)s) AS n;
"""

_BLOCKED: LiteralString = (
    "SELECT DISTINCT ON (r.queue_name) r.queue_name, r.id::text, r.rank, r.seq FROM lapinq_ready r JOIN made USING (id)"
    " WHERE NOT is_open ORDER BY r.queue_name, r.seq DESC"
)


@contextmanager
def laned(url: str) -> Generator[Laned]:
    """Fills the empty database at `url`, past the trigger that looks at each move."""
    params = {
        "worker": WORKER,
        "orders": list(ORDERS),
        "limited": LIMITED,
        "watched": WATCHED,
        "blocked": BLOCKED,
        "each": WAITING_EACH,
        "lanes": LANES,
        "held": HELD,
    }
    past_the_trigger = make_conninfo(url, options="-c session_replication_role=replica")
    with psycopg.connect(past_the_trigger, autocommit=True) as conn:
        spare_autovacuum(conn)
        psycopg.ClientCursor(conn).execute(_FILLING, params)
        conn.execute("ANALYZE")
        limited = conn.execute("SELECT min(id::text) FROM made WHERE lane LIKE '%gpu'").fetchone()
        running = conn.execute(
            "SELECT id::text FROM lapinq_running WHERE units IS NOT NULL ORDER BY id LIMIT 5"
        )
        assert limited is not None
        yield Laned(
            blocked={
                queue: (task, rank, seq) for queue, task, rank, seq in conn.execute(_BLOCKED).fetchall()
            },
            limited=limited[0],
            running=[task_id for (task_id,) in running.fetchall()],
        )
