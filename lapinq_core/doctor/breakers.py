"""Circuit breakers that are open: their tasks wait until what they need works again."""

import shlex

import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.doctor.finding import Finding, ok, warning
from lapinq_core.doctor.wording import duration, waiting
from lapinq_core.domain.limits.breaker import why_open
from lapinq_core.figures.alerts import open_breakers
from lapinq_core.runtime.settings import Settings


async def check_breakers(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    now = await first_value(conn, "SELECT lapinq_now()")
    found: list[Finding] = []
    for one in await open_breakers(conn):
        task = one.task_name
        whose = f"the queue {one.queue_name}" if task is None else f"the task {task}"
        command = "lapinq queue close-breaker" if task is None else "lapinq breaker close"
        why = why_open(one.failures, one.attempts, one.window_seconds)
        since = duration((now - one.opened_at).total_seconds())
        found.append(
            warning(
                f"the circuit breaker of {whose} has been open for {since}, after {why},"
                f" and {waiting(one.waiting, 'task')} for it",
                "Fix what its tasks need. It then closes by itself after its next try, or immediately with"
                f" {command} {shlex.quote(task or one.queue_name)}.",
            )
        )
    return found or ok("no circuit breaker is open")
