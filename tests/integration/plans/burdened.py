"""A database under the burdens that make plans go wrong: full tables, and dead rows before the live ones.

A snapshot that is older than their deletion keeps the dead rows, so that neither vacuum nor a scan removes them. They
lie scattered over their tables: a scan that walks over them looks at about a page for each.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import LiteralString

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from tests.bench.dashboard import seed
from tests.support.database.plans import spare_autovacuum

QUEUE = "queue-03"
WORKER = "00000000-0000-0000-0000-000000000003"
SHUT, PARKED = "shut", "parked"
"""Task names: one whose circuit breaker is open, and one of which tasks are parked without a breaker."""
WEEKS = 4
FEW = 5
"""How many rows there are of what upkeep is to take."""


class Burden(msgspec.Struct, frozen=True):
    """How many tasks have finished and wait, and how many dead rows lie before the live ones of each table."""

    finished: int
    waiting: int
    dead: int


SMALL = Burden(20_000, 20_000, 8_000)
LARGE = Burden(1_000_000, 1_000_000, 400_000)


class Rows(msgspec.Struct, frozen=True):
    """Rows of a burdened database: tasks in each place, and the places of the first and the last
    ready ones of `QUEUE`.

    `running` are tasks of `WORKER`; the token of each is its id. `place` is where the first running attempt lies, and
    `last_dead_count` where the last dead row of the counts does. `looked` is the last one that retention has looked at.
    """

    running: list[str]
    place: str
    last_dead_count: str
    ready: str
    delayed: str
    failed: str
    completed: str
    looked: str
    rank: int
    seq: int
    last_rank: int
    last_seq: int
    webhook: int
    webhook_due: str


_DOOMED: tuple[LiteralString, ...] = (
    # Before and after the live ones of each queue, and late.
    "INSERT INTO lapinq_ready (queue_name, rank, id, expires_at)"
    " SELECT 'queue-' || lpad((n %% 19)::text, 2, '0'), 1000 - n / 19 %% 2 * 2000, gen_random_uuid(),"
    "        now() - interval '1 day'"
    "   FROM generate_series(1, %(dead)s) AS n ORDER BY random()",
    "INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, expires_at)"
    " SELECT gen_random_uuid(), now() - interval '1 day' + n * interval '1 ms', 'default', 0, now() - interval '1 day'"
    "   FROM generate_series(1, %(dead)s) AS n ORDER BY random()",
    "INSERT INTO lapinq_running (id, token, worker_id, queue_name, rank, attempt, claimed_at, deadline_at)"
    " SELECT gen_random_uuid(), gen_random_uuid(), lpad((n %% 10)::text, 32, '0')::uuid, 'queue-03', 0, 1, now(), now()"
    "   FROM generate_series(1, %(dead)s) AS n ORDER BY random()",
    "INSERT INTO lapinq_counts (queue_name, pending)"
    " SELECT 'queue-03', 1 FROM generate_series(1, %(dead)s) AS n",
    "INSERT INTO lapinq_transient (queue_name, rank, task_name, module_path, args, kwargs, due_at)"
    " SELECT 'queue-03', -1000, 'add', 'app', '[]', '{}', now() FROM generate_series(1, %(dead)s / 10) AS n",
    "INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, attempt, finished_at, retry_since,"
    "                             due_at)"
    " SELECT gen_random_uuid(), 'queue-03', 'add', 'https://a-' || n %% 5 || '.example/', 'completed', 1, now(), now(),"
    "        now() - interval '1 day' + n * interval '1 ms'"
    "   FROM generate_series(1, %(dead)s) AS n ORDER BY random()",
    "INSERT INTO lapinq_idempotency_keys (key, digest, task_ids, created_at)"
    " SELECT 'dead ' || n, '', '{}', now() - interval '3 days'"
    "   FROM generate_series(1, %(dead)s) AS n ORDER BY random()",
    "INSERT INTO lapinq_rollups (span, since, queue_name)"
    " SELECT 10, now() - interval '5 days' + n * interval '1 ms', 'queue-03'"
    "   FROM generate_series(1, %(dead)s) AS n ORDER BY random()",
    # In the default partition: they were enqueued in 2004.
    "INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority,"
    "                          retry_delay, retry_backoff, created_at, expires_at)"
    " SELECT ('00fc' || lpad(to_hex(n), 8, '0') || '70008000000000000000')::uuid, 'queue-03', 'add', 'app', '[]', '{}',"
    "        3, 0, 10, true, now() - interval '2 days', now() - interval '1 day'"
    "   FROM generate_series(1, %(dead)s) AS n ORDER BY random()",
    "INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, finished_at)"
    " SELECT id, 1, true, CASE WHEN random() < 0.5 THEN 'completed' ELSE 'failed' END, created_at"
    "   FROM lapinq_tasks_default ORDER BY random()",
)

_KILLING: tuple[LiteralString, ...] = (
    "DELETE FROM lapinq_ready",
    "DELETE FROM lapinq_delayed",
    "DELETE FROM lapinq_running",
    "DELETE FROM lapinq_counts",
    "DELETE FROM lapinq_transient",
    "DELETE FROM lapinq_webhooks",
    "DELETE FROM lapinq_idempotency_keys",
    "DELETE FROM lapinq_rollups",
    "DELETE FROM lapinq_attempts_default",
    "DELETE FROM lapinq_tasks_default",
)

# A few rows of what upkeep looks for, and many that it has to leave.
_LIVING: tuple[LiteralString, ...] = (
    "INSERT INTO lapinq_circuit_breakers (task_name, failures_in_row, window_seconds, least_attempts,"
    "                                     retry_after_seconds, state, since, since_seq, failures, opened_at,"
    "                                     pause_seconds, tries_at)"
    " VALUES ('shut', 1, 60, 20, 30, 'open', now(), 0, 1, now(), 30, now() + interval '1 hour')",
    "UPDATE lapinq_delayed SET parked_for = 'parked', parked_seq = 1"
    " WHERE id IN (SELECT id FROM lapinq_delayed ORDER BY due_at LIMIT %(few)s)",
    "UPDATE lapinq_ready SET expires_at = now() - interval '1 hour'"
    " WHERE id IN (SELECT id FROM lapinq_ready WHERE queue_name = 'queue-05' ORDER BY seq DESC LIMIT %(few)s)",
    "UPDATE lapinq_delayed SET due_at = greatest(due_at, now() + interval '1 hour')",
    "UPDATE lapinq_delayed SET due_at = now() - interval '1 hour'"
    " WHERE id IN (SELECT id FROM lapinq_delayed ORDER BY due_at DESC LIMIT %(few)s) OR parked_for IS NOT NULL",
    "INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, finished_at)"
    " SELECT id, n, false, 'failed', now() - n * interval '1 minute'"
    "   FROM generate_series(1, 1000) AS n,"
    "        (SELECT id FROM lapinq_running WHERE worker_id = %(worker)s ORDER BY id LIMIT 1) AS r",
    "INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, attempt, finished_at, retry_since,"
    "                             due_at, state, tried_at)"
    " SELECT gen_random_uuid(), 'queue-03', 'add', 'https://b.example/', 'completed', 1, now(), now(), now(),"
    "        'delivered', now() - interval '1 hour'"
    "   FROM generate_series(1, %(finished)s / 10) AS n",
    "UPDATE lapinq_webhooks SET tried_at = now() - interval '10 days'"
    " WHERE seq IN (SELECT seq FROM lapinq_webhooks ORDER BY seq DESC LIMIT %(few)s)",
    "INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, attempt, finished_at, retry_since,"
    "                             due_at)"
    " SELECT gen_random_uuid(), 'queue-03', 'add', 'https://a-' || n %% 5 || '.example/', 'completed', 1, now(), now(),"
    "        now() - interval '1 hour' * CASE WHEN n <= %(few)s THEN 1 ELSE -1 END"
    "   FROM generate_series(1, %(waiting)s / 10) AS n",
    "INSERT INTO lapinq_idempotency_keys (key, digest, task_ids, created_at)"
    " SELECT n::text, '', '{}', now() - interval '2 days' * CASE WHEN n <= %(few)s THEN 1 ELSE 0 END"
    "   FROM generate_series(1, %(finished)s / 10) AS n",
    "INSERT INTO lapinq_rollups (span, since, queue_name)"
    " SELECT 10, now() - interval '4 days', 'queue-03' FROM generate_series(1, %(few)s) AS n",
    "UPDATE lapinq_tasks SET expires_at = now() - interval '2 hours' WHERE id IN (SELECT task_id FROM lapinq_attempts"
    " WHERE final AND outcome = 'failed' ORDER BY task_id DESC LIMIT %(few)s)",
)

_FOUND: LiteralString = """
SELECT ARRAY(SELECT id::text FROM lapinq_running WHERE worker_id = %(worker)s ORDER BY id),
       (SELECT min(ctid)::text FROM lapinq_running),
       %(last_dead_count)s,
       ready.id::text,
       (SELECT id::text FROM lapinq_delayed LIMIT 1),
       (SELECT task_id::text FROM lapinq_attempts WHERE final AND outcome = 'failed' LIMIT 1),
       (SELECT task_id::text FROM lapinq_attempts WHERE final AND outcome = 'completed' LIMIT 1),
       '01000000-0000-7000-8000-000000000000',
       ready.rank,
       ready.seq,
       last.rank,
       last.seq,
       webhook.seq,
       webhook.due_at::text
  FROM (SELECT * FROM lapinq_ready WHERE queue_name = %(queue)s ORDER BY rank, seq LIMIT 1) AS ready,
       (SELECT * FROM lapinq_ready WHERE queue_name = %(queue)s ORDER BY rank DESC, seq DESC LIMIT 1) AS last,
       (SELECT * FROM lapinq_webhooks WHERE state = 'pending' ORDER BY due_at LIMIT 1) AS webhook
"""


@contextmanager
def burdened(url: str, burden: Burden) -> Generator[Rows]:
    """Fills the empty database at `url`, past the trigger that looks at each move, and holds a snapshot meanwhile."""
    past_the_trigger = make_conninfo(url, options="-c session_replication_role=replica")
    params = {**msgspec.structs.asdict(burden), "few": FEW, "worker": WORKER, "queue": QUEUE}
    with psycopg.connect(past_the_trigger, autocommit=True) as conn, psycopg.connect(url) as holder:
        spare_autovacuum(conn)
        for statement in _DOOMED:
            conn.execute(statement, params)
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT 1")
        last = conn.execute("SELECT max(ctid)::text FROM lapinq_counts").fetchone()
        assert last is not None
        for statement in _KILLING:
            conn.execute(statement)
        seed.seed(past_the_trigger, burden.finished, burden.waiting, weeks=WEEKS, fills_weeks=True)
        spare_autovacuum(conn)
        for statement in _LIVING:
            conn.execute(statement, params)
        conn.execute("ANALYZE")
        row = conn.execute(_FOUND, {**params, "last_dead_count": last[0]}).fetchone()
        assert row is not None
        yield Rows(*row)
        holder.rollback()
