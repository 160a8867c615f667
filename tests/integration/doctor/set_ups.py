"""Set-ups that are broken, each in one way, and others that only look so. In SQL, because no verb makes them."""

from typing import NamedTuple

ID = "01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11"
ENQUEUE = (
    """SELECT lapinq_enqueue('{"task_name": "send", "module_path": "shop.mail", "queue_name": "mail"}')"""
)
EVERYTHING = """
    TRUNCATE lapinq_tasks, lapinq_ready, lapinq_delayed, lapinq_running, lapinq_attempts, lapinq_counts, lapinq_workers,
             lapinq_steps, lapinq_queues, lapinq_webhooks, lapinq_schedules, lapinq_users, lapinq_api_keys,
             lapinq_notify_rules, lapinq_circuit_breakers CASCADE
"""
KEEP_REVISION = "CREATE TABLE revision AS TABLE lapinq_schema_version"
RESTORE_REVISION = "UPDATE lapinq_schema_version SET version_num = (TABLE revision); DROP TABLE revision"


def worker(beat: str) -> str:
    """One whose last heartbeat is that far from now."""
    return f"""
        INSERT INTO lapinq_workers (id, name, hostname, pid, version, pool, concurrency, lease_seconds, started_at,
                                    beat_at)
        VALUES ('{ID}', 'box-7', 'box', 1, '2', 'threads', 4, 30, now(), now() + interval '{beat}');
    """


def tried(error: str, ago: str, *, final: bool) -> str:
    """A task that an attempt failed, some time ago."""
    return f"""
        INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority,
                                  retry_delay, retry_backoff, created_at)
        VALUES ('{ID}', 'mail', 'send', 'shop.mail', '[]', '{{}}', 3, 0, 10, true, now());
        INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, finished_at)
        VALUES ('{ID}', 1, {final}, 'failed', '{error}', now() - interval '{ago}');
    """


def delayed(due: str) -> str:
    """A task that waits, due that far from now."""
    return f"""
        INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts)
        VALUES ('{ID}', now() + interval '{due}', 'mail', 0, 1);
    """


def paused(ago: str, by: str = "NULL", reason: str = "NULL") -> str:
    return f"INSERT INTO lapinq_queues VALUES ('mail', now() - interval '{ago}', {by}, {reason});"


def webhook(state: str) -> str:
    """One that was due two minutes ago."""
    return f"""
        INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, attempt, finished_at, state,
                                     retry_since, due_at, tried_at)
        VALUES ('{ID}', 'q', 't', 'https://x/', 'failed', 1, now(), '{state}', now(), now() - interval '2 min', now());
    """


def notified(*tries: tuple[int, str, str], enabled: bool = True, changed: str = "2 h") -> str:
    """A rule with notices, each with how often it was tried, when last, and why it failed; "" for one that was sent."""
    rule = f"""
        INSERT INTO lapinq_notify_rules (id, name, kind, url, events, backlog_seconds, is_enabled, created_at,
                                         created_by, updated_at, next_at)
        OVERRIDING SYSTEM VALUE
        VALUES (1, 'on call', 'slack', 'https://x/', '{{error.new}}', 300, {enabled}, now(), 'lisa',
                now() - interval '{changed}', now());
    """
    notices = [
        f"""
        INSERT INTO lapinq_notices (rule_id, event, details, state, tries, created_at, tried_at, failure)
        VALUES (1, 'error.new', '{{}}', '{"pending" if failure else "sent"}', {number}, now(),
                now() - interval '{ago}', nullif('{failure}', ''));
        """
        for number, ago, failure in tries
    ]
    return rule + "".join(notices)


def schedule(due: str | None) -> str:
    """One whose next tick is due that far from now; None has none."""
    return f"""
        INSERT INTO lapinq_schedules (name, task_name, module_path, queue_name, args, kwargs, max_retries, priority,
                                      retry_delay, retry_backoff, every_seconds, timezone, anchor_at, jitter, misfire,
                                      misfire_limit, overlap, next_fire_at, created_at, updated_at, updated_by)
        VALUES ('nightly', 'send', 'shop.mail', 'mail', '[]', '{{}}', 0, 0, 0, true, 60, 'UTC', now(), 0, 'skip', 1,
                'allow', {"NULL" if due is None else f"now() + interval '{due}'"}, now(), now(), 'lisa');
    """


def rename_week(old: str, new: str) -> str:
    """Renames this week's partition of the tasks, `%s` being its suffix."""
    return f"""
        DO $$ BEGIN EXECUTE format('ALTER TABLE {old} RENAME TO {new}',
                                   to_char(date_trunc('week', lapinq_now() AT TIME ZONE 'UTC'), '_YYYYMMDD')); END $$
    """


class Broken(NamedTuple):
    """The check, its finding, the SQL that breaks it, and the SQL that mends it. `{db}` is the database."""

    check: str
    status: str
    message: str
    breaks: str
    mends: str = EVERYTHING


def of_database(check: str, status: str, message: str, setting: str, value: str) -> Broken:
    """Broken by a setting of the database."""
    mends = f"SET default_transaction_read_only = off; ALTER DATABASE {{db}} RESET {setting}"
    return Broken(check, status, message, f"ALTER DATABASE {{db}} SET {setting} = {value}", mends)


def of_revision(status: str, message: str, revision: str) -> Broken:
    """Broken by another revision of the schema."""
    breaks = f"{KEEP_REVISION}; UPDATE lapinq_schema_version SET version_num = '{revision}'"
    return Broken("schema", status, message, breaks, RESTORE_REVISION)


BROKEN = [
    of_database("durability", "warning", "synchronous_commit is off", "synchronous_commit", "off"),
    of_database("isolation", "info", "are serializable", "default_transaction_isolation", "serializable"),
    of_database("read_only", "error", "read-only by default", "default_transaction_read_only", "on"),
    of_database("autovacuum", "error", "track_counts is off", "track_counts", "off"),
    Broken(
        "autovacuum",
        "error",
        "autovacuum is off for lapinq_ready",
        "ALTER TABLE lapinq_ready SET (autovacuum_enabled = off)",
        "ALTER TABLE lapinq_ready RESET (autovacuum_enabled)",
    ),
    of_revision("error", "the schema is at revision 0001, this version needs", "0001"),
    of_revision("info", "from a newer version", "9999"),
    Broken(
        "schema",
        "error",
        "in the schema elsewhere, which is not on the search path",
        "CREATE SCHEMA elsewhere; ALTER TABLE lapinq_schema_version SET SCHEMA elsewhere",
        "ALTER TABLE elsewhere.lapinq_schema_version SET SCHEMA public; DROP SCHEMA elsewhere",
    ),
    Broken(
        "schema",
        "warning",
        "no query uses them: lapinq_delayed_due_at",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'lapinq_delayed_due_at'::regclass",
        "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'lapinq_delayed_due_at'::regclass",
    ),
    Broken("clock_jumps", "warning", "in the future", worker("1 hour")),
    Broken(
        "clock_jumps",
        "info",
        "jumped by 2 min",
        worker("0 s")
        + "UPDATE lapinq_workers SET jumped_at = now() - interval '1 min', jumped_seconds = 120",
    ),
    Broken("queues", "warning", "1 task waits in the queue mail, the first for ", ENQUEUE),
    Broken("queues", "warning", "no living worker serves it", worker("-1 hour") + ENQUEUE),
    Broken(
        "queues",
        "warning",
        "all its workers are quiet",
        f"{worker('0 s')} UPDATE lapinq_workers SET is_quiet = true; {ENQUEUE}",
    ),
    Broken(
        "paused_queues",
        "info",
        "the queue mail has been paused for 2 min by lisa (a test), and 1 task waits in it",
        paused("2 min", "'lisa'", "'a test'") + ENQUEUE,
    ),
    Broken("paused_queues", "warning", "has been paused for 3 h, and", paused("3 h") + ENQUEUE),
    Broken(
        "breakers",
        "warning",
        "the circuit breaker of the task send has been open for 2 min, after 3 failures in a row, and 1 task waits",
        "INSERT INTO lapinq_circuit_breakers (task_name, failures_in_row, window_seconds, least_attempts,"
        " retry_after_seconds, state, since, since_seq, failures, opened_at, pause_seconds, tries_at)"
        " VALUES ('send', 3, 60, 20, 30, 'open', now(), 0, 3, now() - interval '2 min', 30, now());"
        + delayed("1 hour")
        + "UPDATE lapinq_delayed SET parked_for = 'send', parked_seq = 1;",
    ),
    Broken("delayed", "warning", "1 delayed task is overdue", delayed("-1 min")),
    Broken(
        "dead_workers",
        "warning",
        "the dead worker box-7 still holds 1 task",
        worker("-1 hour")
        + "INSERT INTO lapinq_running (id, token, worker_id, queue_name, rank, attempt, claimed_at, deadline_at)"
        f" VALUES ('{ID}', '{ID}', '{ID}', 'mail', 0, 1, now(), now())",
    ),
    Broken(
        "imports",
        "warning",
        "shop.mail:send within the last hour (0 tasks failed, 1 will be retried): ModuleNotFoundError: no shop",
        tried("ModuleNotFoundError: no shop", "1 min", final=False) + delayed("1 min"),
    ),
    Broken("imports", "warning", "(1 task failed, 0 will", tried("TaskNotAllowed: no", "1 min", final=True)),
    Broken(
        "versions",
        "warning",
        "no living worker has version 2 of shop.mail:send, and 1 durable task waits for it",
        worker("0 s") + "UPDATE lapinq_workers SET registered ="
        """ '[{"module_path": "shop.mail", "task_name": "send", "version": "3"}]';"""
        + tried("released", "1 min", final=False)
        + delayed("1 min")
        + "INSERT INTO lapinq_steps (task_id, name, occurrence, kind, outcome, started_at, ended_at, attempt, version)"
        f" VALUES ('{ID}', 'charge', 0, 'step', 'completed', now(), now(), 1, '2')",
    ),
    Broken("schedules", "warning", "has been due for 2 min", schedule("-2 min")),
    Broken("schedules", "warning", "1 schedule is active, the next tick is due in", schedule("1 h")),
    Broken("webhooks", "warning", "1 webhook waits for delivery", webhook("pending")),
    Broken("webhooks", "warning", "1 webhook could not be delivered", webhook("given_up")),
    Broken(
        "notifications",
        "warning",
        "the notification rule on call failed 3 times: it answered 500",
        notified((4, "30 min", ""), (3, "2 s", "it answered 500"), (1, "1 min", "no answer")),
    ),
    Broken("webhooks", "info", "LAPINQ_WEBHOOK_SECRET is not set", webhook("delivered")),
    Broken(
        "default_password",
        "warning",
        "still in use, by lapinq",
        "INSERT INTO lapinq_users (username, password_hash, role, has_default_password, created_at)"
        " VALUES ('lapinq', '', 'admin', true, now())",
    ),
    Broken(
        "partitions",
        "warning",
        "has no partition",
        rename_week("lapinq_tasks%s", "gone"),
        rename_week("gone", "lapinq_tasks%s"),
    ),
]
HARMLESS = {
    "a worker that serves the queue, a delayed task, an import that failed long ago, a paused schedule and a rule that"
    " works again": worker("0 s")
    + ENQUEUE
    + ";"
    + delayed("1 h")
    + tried("ImportError", "2 h", final=True)
    + schedule(None)
    + notified((2, "1 h", "it answered 500"), (1, "1 s", "")),
    "a paused queue without tasks, another error, and a rule that is off": paused("3 h")
    + tried("ValueError: ImportError", "1 s", final=True)
    + notified((2, "1 s", "it answered 500"), enabled=False),
    "a rule that was changed since it failed": notified((2, "1 min", "it answered 500"), changed="10 s"),
}
