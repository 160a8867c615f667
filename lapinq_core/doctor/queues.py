"""Tasks that wait in vain: in queues that no worker serves, in paused queues, because they can't be imported, or for a
version of their function."""

import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, info, ok, warning
from lapinq_core.doctor.wording import count, duration, waiting
from lapinq_core.figures import alerts
from lapinq_core.figures.alerts import UnservedQueue
from lapinq_core.runtime.settings import Settings

sql = sql_of(__name__)

LONG_PAUSE_SECONDS = 3600.0
"""Tasks that wait in a queue that was paused longer than this may have been forgotten."""
RECENT_SECONDS = 3600.0
"""How long a failed import is worth a finding: its cause may be fixed by now."""


async def check_queues(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    unserved = await alerts.find_unserved(conn)
    return [_explain_unserved(queue) for queue in unserved] or ok(
        "workers serve all queues that have ready tasks"
    )


def _explain_unserved(queue: UnservedQueue) -> Finding:
    since = "" if queue.seconds is None else f", the first for {duration(queue.seconds)}"
    tasks = f"{waiting(queue.waiting, 'task')} in the queue {queue.queue_name}{since}"
    if queue.has_quiet_worker:
        return warning(
            f"{tasks}, and all its workers are quiet",
            "Let one claim again: lapinq worker resume WORKER_ID (lapinq worker list shows the ids).",
        )
    return warning(
        f"{tasks}, and no living worker serves it",
        f"Start a worker for it: lapinq worker --queue {queue.queue_name}, or without --queue for all queues. If the"
        " name is misspelt, correct it where the tasks are enqueued.",
    )


async def check_paused_queues(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    rows = await all_rows(conn, sql("paused_queues"))
    found: list[Finding] = []
    for name, seconds, by, reason, pending in rows:
        who = f" by {by}" if by else ""
        why = f" ({reason})" if reason else ""
        made = warning if seconds >= LONG_PAUSE_SECONDS else info
        found.append(
            made(
                f"the queue {name} has been paused for {duration(seconds)}{who}{why}, and"
                f" {waiting(pending, 'task')} in it",
                f"Resume it on the page Queues, or with POST /api/v1/queues/{name}/resume.",
            )
        )
    return found or ok("no paused queue has tasks that wait")


async def check_imports(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    rows = await all_rows(conn, sql("failed_imports"), {"recent": RECENT_SECONDS})
    return [
        warning(
            f"workers could not call {module}:{name} within the last hour"
            f" ({count(failed, 'task')} failed, {retrying} will be retried): {reason[:200]}",
            "Install the module where the workers run, start them where it can be imported, restart those that run"
            " older code, or add it to LAPINQ_ALLOWED_MODULES. Then requeue the failed tasks.",
        )
        for module, name, failed, retrying, reason in rows
    ] or ok("no task failed within the last hour because its function could not be imported")


async def check_versions(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    rows = await all_rows(conn, sql("missing_versions"))
    return [
        warning(
            f"no living worker has {_version(version)} {module}:{name},"
            f" and {waiting(tasks, 'durable task')} for it",
            "Start a worker with the code of that version until they have ended, or cancel them and run them again from"
            " their beginning: lapinq task rerun ID.",
        )
        for module, name, version, tasks in rows
    ] or ok("living workers have the versions that durable tasks need")


def _version(version: str | None) -> str:
    return "the code without a version of" if version is None else f"version {version} of"
