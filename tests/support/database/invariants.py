"""What must hold after any fault: each task in one legal state, started as often as allowed at most, ended once."""

from collections.abc import Iterable

import psycopg

from lapinq_core.doctor.verifying import VERBS
from tests.support.database.statements import text_of


def check_invariants(url: str, accepted: Iterable[str]) -> None:
    """Raises AssertionError with the tasks concerned."""
    accepted = set(accepted)
    with psycopg.connect(url) as conn:
        stored = {str(row[0]) for row in conn.execute("SELECT id FROM lapinq_tasks")}
        assert accepted <= stored, f"lost: {sorted(accepted - stored)[:5]}"
        too_often = conn.execute(
            "SELECT t.id, t.max_retries, count(*) FROM lapinq_tasks t JOIN lapinq_attempts a ON a.task_id = t.id"
            " WHERE a.outcome IN ('completed', 'failed')"
            " GROUP BY t.id, t.max_retries HAVING count(*) > t.max_retries + 1"
        ).fetchall()
        assert not too_often, f"started too often: {too_often[:5]}"
        beyond = conn.execute(
            "SELECT t.id, t.max_retries, a.attempt, a.outcome FROM lapinq_tasks t"
            " JOIN lapinq_attempts a ON a.task_id = t.id WHERE a.attempt > t.max_retries + 1"
        ).fetchall()
        assert not beyond, f"started once more than allowed: {beyond[:5]}"
        twice = conn.execute(
            "SELECT task_id FROM lapinq_attempts WHERE outcome = 'completed' GROUP BY task_id HAVING count(*) > 1"
        ).fetchall()
        assert not twice, f"completed twice: {twice[:5]}"
        places = conn.execute(
            "SELECT id, count(*) FROM (SELECT id FROM lapinq_ready UNION ALL SELECT id FROM lapinq_delayed"
            " UNION ALL SELECT id FROM lapinq_running UNION ALL SELECT task_id FROM lapinq_attempts WHERE final) p"
            " GROUP BY id HAVING count(*) > 1"
        ).fetchall()
        assert not places, f"in several places: {places[:5]}"
        nowhere = conn.execute(
            "SELECT id FROM lapinq_tasks t WHERE NOT EXISTS (SELECT FROM lapinq_ready r WHERE r.id = t.id)"
            " AND NOT EXISTS (SELECT FROM lapinq_delayed d WHERE d.id = t.id)"
            " AND NOT EXISTS (SELECT FROM lapinq_running u WHERE u.id = t.id)"
            " AND NOT EXISTS (SELECT FROM lapinq_attempts a WHERE a.task_id = t.id AND a.final)"
        ).fetchall()
        assert not nowhere, f"nowhere: {nowhere[:5]}"
        sharing = conn.execute(
            "SELECT t.queue_name, t.unique_key, count(*) FROM lapinq_tasks t"
            " WHERE t.unique_until = 'finished'"
            " AND NOT EXISTS (SELECT FROM lapinq_attempts a WHERE a.task_id = t.id AND a.final)"
            " GROUP BY t.queue_name, t.unique_key HAVING count(*) > 1"
        ).fetchall()
        assert not sharing, f"several hold a unique key: {sharing[:5]}"
        counted = conn.execute(
            "SELECT queue_name, sum(pending), sum(completed), sum(failed), sum(cancelled), sum(expired)"
            " FROM lapinq_counts GROUP BY queue_name"
        ).fetchall()
        real = conn.execute(
            "SELECT queue_name, count(*) FILTER (WHERE status = 'pending'),"
            " count(*) FILTER (WHERE status = 'completed'),"
            " count(*) FILTER (WHERE status = 'failed'),"
            " count(*) FILTER (WHERE status = 'cancelled'),"
            " count(*) FILTER (WHERE status = 'expired') FROM lapinq_task_details GROUP BY queue_name"
        ).fetchall()
        # Of a queue whose tasks are gone zeros are left until they are folded.
        counted, real = ([row for row in rows if any(row[1:])] for rows in (counted, real))
        assert sorted(counted) == sorted(real), f"counted {counted}, there are {real}"
    check_lanes(url)


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
