"""Circuit breakers that are open: their tasks wait until what they need works again."""

import shlex

import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, ok, warning
from lapinq_core.doctor.wording import duration, waiting
from lapinq_core.domain.limits.breaker import why_open
from lapinq_core.runtime.settings import Settings

sql = sql_of(__name__)


async def check_breakers(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    rows = await all_rows(conn, sql("shut_breakers"))
    found: list[Finding] = []
    for kind, name, seconds, failures, attempts, window, pending in rows:
        whose = f"the queue {name}" if kind == "queue" else f"the task {name}"
        command = "lapinq queue close-breaker" if kind == "queue" else "lapinq breaker close"
        since = duration(seconds)
        found.append(
            warning(
                f"the circuit breaker of {whose} has been open for {since}, after"
                f" {why_open(failures, attempts, window)}, and {waiting(pending, 'task')} for it",
                "Fix what its tasks need. It then closes by itself after its next try, or immediately with"
                f" {command} {shlex.quote(name)}.",
            )
        )
    return found or ok("no circuit breaker is open")
