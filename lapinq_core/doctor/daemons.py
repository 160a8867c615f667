"""What daemons should have done: promote, rescue, fire schedules, deliver webhooks, notify, create partitions."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.db.rows import all_rows, first_value, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, info, ok, warning
from lapinq_core.doctor.wording import count, duration, waiting
from lapinq_core.figures import alerts
from lapinq_core.runtime.settings import Settings

sql = sql_of(__name__)

OVERDUE_SECONDS = 10.0
"""A delayed task that is overdue longer than this has nobody to promote it."""
UNRESCUED_SECONDS = 30.0
"""Workers rescue the tasks of a dead one within seconds of its death."""


async def check_delayed(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    number, seconds = await one_row(conn, sql("overdue"), {"overdue": OVERDUE_SECONDS})
    if not number:
        return ok("no delayed task is overdue")
    return [
        warning(
            f"{count(number, 'delayed task')} {'is' if number == 1 else 'are'} overdue, the first by"
            f" {duration(seconds)}: nobody promotes them",
            "Start a worker, a scheduler or lapinq server: each runs maintenance. If one runs, its log says why promote"
            " fails.",
        )
    ]


async def check_dead_workers(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    rows = await all_rows(conn, sql("unrescued"), {"unrescued": UNRESCUED_SECONDS})
    return [
        warning(
            f"the dead worker {name} still holds {count(number, 'task')}: no living worker rescues them",
            "Start a worker: it rescues them after one lease (LAPINQ_LEASE_SECONDS).",
        )
        for name, number in rows
    ] or ok("no dead worker holds tasks")


async def check_schedules(conn: psycopg.AsyncConnection, settings: Settings) -> list[Finding]:
    late = await alerts.schedules_late(conn)
    start = "Start lapinq scheduler, or lapinq server --scheduler; run two, on two machines."
    if late is not None:
        return [
            warning(
                f"a tick of a schedule has been due for {duration(late)}, and no scheduler handles it",
                f"{start} If one runs, its log says why it is stuck.",
            )
        ]
    active, seconds, schedulers, has_hidden = await one_row(conn, sql("schedules"))
    if active and not schedulers and not has_hidden and not _has_own_name(settings):
        return [
            warning(
                f"{count(active, 'schedule')} {'is' if active == 1 else 'are'} active, the next tick is due in"
                f" {duration(max(seconds, 0.0))}, and no scheduler is connected",
                start,
            )
        ]
    return ok(f"{count(active, 'active schedule')}, none late" if active else "there are no active schedules")


def _has_own_name(settings: Settings) -> bool:
    """Whether the URL names its sessions, so that those of a scheduler can't be told from others."""
    urls = (settings.database_url, settings.listen_database_url)
    return any(url is not None and conninfo_to_dict(url).get("application_name") for url in urls)


async def check_webhooks(conn: psycopg.AsyncConnection, settings: Settings) -> list[Finding]:
    current = await alerts.current(conn)
    found: list[Finding] = []
    if current.webhooks_overdue:
        found.append(
            warning(
                f"{waiting(current.webhooks_overdue, 'webhook')} for delivery, the first for"
                f" {duration(current.overdue_seconds or 0.0)}",
                "Start a scheduler or lapinq server, which deliver them, or one more.",
            )
        )
    if current.webhooks_given_up:
        found.append(
            warning(
                f"{count(current.webhooks_given_up, 'webhook')} could not be delivered and were given up within a day",
                "Repair the receiver, then resend them on the page Webhooks.",
            )
        )
    if not settings.webhook_secret and await first_value(conn, sql("has_webhooks")):
        found.append(
            info(
                "webhooks are in use, and LAPINQ_WEBHOOK_SECRET is not set here: unless the schedulers have it,"
                " receivers cannot tell ours from forged ones",
                "Set LAPINQ_WEBHOOK_SECRET on servers and schedulers.",
            )
        )
    return found or ok("no webhook is overdue or was given up")


async def check_notifications(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    rows = await all_rows(conn, sql("failing_rules"))
    return [
        warning(
            f"the notification rule {name} failed {count(tries, 'time')}: {failure}",
            "Repair what the failure names or the rule, then press Test on the page Notifications.",
        )
        for name, tries, failure in rows
    ] or ok("no notification rule fails")


async def check_partitions(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    missing = await alerts.missing_partition(conn)
    if missing is None:
        return ok("this week and the next have their partitions")
    return [
        warning(
            f"the week of {missing.monday} has no partition; its tasks go to the default partition"
            f" ({missing.default_bytes / 2**20:.0f} MiB)",
            "Start a worker, a scheduler or lapinq server, which create it. If one runs, its log says why it cannot, or"
            " the default partition is too large to be split beside others: see docs/operate/retention.md.",
        )
    ]
