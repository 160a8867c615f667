"""What must hold after any fault: each task in one legal state, started as often as allowed at most, ended once."""

from collections.abc import Iterable
from typing import LiteralString

import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.doctor.verifying import VERBS
from tests.support.database.statements import text_of
from tests.support.rows.factories import Conn

WRONG: dict[str, LiteralString] = {
    "lost": "SELECT id FROM unnest(%(accepted)s::uuid[]) AS id WHERE NOT EXISTS"
    " (SELECT FROM lapinq_tasks t WHERE t.id = id.id)",
    "started too often": "SELECT t.id, t.max_retries, count(*) FROM lapinq_tasks t"
    " JOIN lapinq_attempts a ON a.task_id = t.id WHERE a.outcome IN ('completed', 'failed')"
    " GROUP BY t.id, t.max_retries HAVING count(*) > t.max_retries + 1",
    "started once more than allowed": "SELECT t.id, t.max_retries, a.attempt, a.outcome FROM lapinq_tasks t"
    " JOIN lapinq_attempts a ON a.task_id = t.id WHERE a.attempt > t.max_retries + 1",
    "completed twice": "SELECT task_id FROM lapinq_attempts WHERE outcome = 'completed'"
    " AND requeued_at IS NULL GROUP BY task_id HAVING count(*) > 1",
    "in several places": "SELECT id, count(*) FROM (SELECT id FROM lapinq_ready"
    " UNION ALL SELECT id FROM lapinq_delayed UNION ALL SELECT id FROM lapinq_running"
    " UNION ALL SELECT task_id FROM lapinq_attempts WHERE final) p GROUP BY id HAVING count(*) > 1",
    "nowhere": "SELECT id FROM lapinq_tasks t WHERE NOT EXISTS (SELECT FROM lapinq_ready r WHERE r.id = t.id)"
    " AND NOT EXISTS (SELECT FROM lapinq_delayed d WHERE d.id = t.id)"
    " AND NOT EXISTS (SELECT FROM lapinq_running u WHERE u.id = t.id)"
    " AND NOT EXISTS (SELECT FROM lapinq_attempts a WHERE a.task_id = t.id AND a.final)",
    "several hold a unique key": "SELECT t.queue_name, t.unique_key, count(*) FROM lapinq_tasks t"
    " WHERE t.unique_until = 'finished'"
    " AND NOT EXISTS (SELECT FROM lapinq_attempts a WHERE a.task_id = t.id AND a.final)"
    " GROUP BY t.queue_name, t.unique_key HAVING count(*) > 1",
    # Of a queue whose tasks are gone zeros are left until they are folded.
    "counted otherwise than there are": "SELECT * FROM (SELECT queue_name, s.status, sum(s.number) AS counted"
    " FROM lapinq_counts, LATERAL (VALUES ('pending', pending), ('completed', completed), ('failed', failed),"
    "  ('cancelled', cancelled), ('expired', expired)) AS s (status, number) GROUP BY 1, 2) c"
    " FULL JOIN (SELECT queue_name, status, count(*) AS found FROM lapinq_task_details"
    "  WHERE status <> 'running' GROUP BY 1, 2) f USING (queue_name, status)"
    " WHERE coalesce(counted, 0) <> coalesce(found, 0)",
}
"""Each finds what is wrong in one way."""


def check_invariants(url: str, accepted: Iterable[str]) -> None:
    """Raises AssertionError with the tasks concerned."""
    params = {"accepted": list(accepted)}
    with psycopg.connect(url) as conn:
        for name, statement in WRONG.items():
            wrong = conn.execute(statement, params).fetchall()
            assert not wrong, f"{name}: {wrong[:5]}"
    check_lanes(url)


async def check_rows(conn: Conn, accepted: Iterable[str]) -> None:
    """The same within the transaction of `conn`."""
    params = {"accepted": list(accepted)}
    statements: dict[str, LiteralString] = {**WRONG, **{verb: text_of(verb) for verb in VERBS}}
    for name, statement in statements.items():
        wrong = await all_rows(conn, statement, params)
        assert not wrong, f"{name}: {wrong[:5]}"


def check_lanes(url: str) -> None:
    """Raises AssertionError with the lanes, keys and limits that differ from what waits and runs."""
    with psycopg.connect(url) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for verb in VERBS:
            differing = conn.execute(text_of(verb)).fetchall()
            assert not differing, f"{verb}: {differing[:5]}"


def statuses(url: str) -> dict[str, int]:
    """How many tasks have each status; empty while the database is unavailable."""
    try:
        with psycopg.connect(url) as conn:
            return dict(
                conn.execute("SELECT status, count(*) FROM lapinq_task_details GROUP BY status").fetchall()
            )
    except psycopg.OperationalError:
        return {}
