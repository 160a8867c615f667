"""Whether dead rows are removed: autovacuum, dead rows of our tables, and who keeps them from being removed."""

import psycopg

from lapinq_core.db.rows import all_rows, first_value, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, error, info, ok, warning
from lapinq_core.doctor.wording import count, duration, names
from lapinq_core.figures.alerts import (
    SNAPSHOT_SECONDS,
    SNAPSHOT_TRANSACTIONS,
    OldSnapshot,
    find_old_snapshots,
)
from lapinq_core.runtime.settings import Settings

sql = sql_of(__name__)

MANY_DEAD_ROWS = 1_000_000
"""A drain at full speed leaves fewer between two runs of autovacuum."""
UNVACUUMED_SECONDS = 600.0
"""A table with many dead rows that was vacuumed more recently is being taken care of."""


async def check_autovacuum(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    is_on, counts, excluded = await one_row(conn, sql("autovacuum"))
    found: list[Finding] = []
    if not is_on:
        found.append(
            error(
                "autovacuum is off: claims slow down as dead rows pile up",
                "ALTER SYSTEM SET autovacuum = on, then SELECT pg_reload_conf().",
            )
        )
    if not counts:
        found.append(
            error(
                "track_counts is off, so autovacuum does not know which tables need it",
                "ALTER SYSTEM SET track_counts = on, then SELECT pg_reload_conf().",
            )
        )
    if excluded:
        found.append(
            error(
                f"autovacuum is off for {names(excluded)}",
                "ALTER TABLE … RESET (autovacuum_enabled) for each of them.",
            )
        )
    return found or ok("autovacuum is on for all tables of lapinq")


async def check_dead_rows(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    params = {"many": MANY_DEAD_ROWS, "seconds": UNVACUUMED_SECONDS}
    rows = await all_rows(conn, sql("dead_rows"), params)
    return [
        warning(
            f"{table} has {dead:,} dead rows and {live:,} live ones, and was "
            + ("never vacuumed" if since is None else f"last vacuumed {duration(since)} ago"),
            f"See the checks autovacuum and snapshots, then VACUUM {table}.",
        )
        for table, dead, live, since in rows
    ] or ok(f"no table of lapinq has {MANY_DEAD_ROWS:,} dead rows or more that wait for a vacuum")


async def check_snapshots(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    found = [explain(snapshot) for snapshot in await find_old_snapshots(conn, SNAPSHOT_SECONDS)]
    rows = await all_rows(conn, sql("standbys"), {"transactions": SNAPSHOT_TRANSACTIONS})
    found += [
        warning(
            f"the standby {name} ({address or 'local'}) holds a snapshot that is {age:,} transactions old: no dead row"
            " since then can be removed",
            "End the long query there, or set hot_standby_feedback = off on the standby.",
        )
        for name, address, age in rows
    ]
    if found:
        return found
    if await first_value(conn, sql("sees_sessions")):
        return ok(f"no transaction is older than {duration(SNAPSHOT_SECONDS)}")
    return [
        info(
            f"no transaction of this role is older than {duration(SNAPSHOT_SECONDS)}; it cannot see other roles'",
            "To let the doctor see them: GRANT pg_read_all_stats TO this role.",
        )
    ]


def explain(snapshot: OldSnapshot) -> Finding:
    """Who holds it, and how to end that."""
    match snapshot.kind:
        case "session":
            since = duration(snapshot.seconds or 0.0)
            message = (
                f"the session {snapshot.name} (pid {snapshot.pid}) has had a transaction open for {since}"
            )
            remedy = (
                f"Look it up in pg_stat_activity by its pid, end it with SELECT pg_terminate_backend({snapshot.pid}),"
                " and set idle_in_transaction_session_timeout."
            )
        case "prepared transaction":
            since = duration(snapshot.seconds or 0.0)
            message = f"the prepared transaction {snapshot.name} has been open for {since}"
            remedy = f"COMMIT PREPARED '{snapshot.name}' or ROLLBACK PREPARED it."
        case _:
            message = (
                f"the {snapshot.kind} {snapshot.name} holds a snapshot that is"
                f" {count(snapshot.transactions or 0, 'transaction')} old"
            )
            remedy = (
                "Bring its subscriber back, or SELECT pg_drop_replication_slot(…) if nobody uses it any more."
            )
    return warning(f"{message}: no dead row since then can be removed, and claims slow down", remedy)
