"""Whether this machine and the database agree on the time, and whether the database's clock jumped."""

import time

import psycopg

from lapinq_core.db.rows import first_value, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, info, ok, warning
from lapinq_core.doctor.wording import duration
from lapinq_core.runtime.settings import Settings

sql = sql_of(__name__)

MAX_DIFFERENCE = 2.0
"""Seconds that this machine's clock may differ from the database's."""
RECENT_SECONDS = 3600.0
"""How long a jump of the clock is worth a finding."""


async def check_clocks(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    before = time.time()
    now = await first_value(conn, sql("clock"))
    after = time.time()
    difference = (before + after) / 2 - now
    if abs(difference) - (after - before) / 2 <= MAX_DIFFERENCE:
        return ok(f"this machine's clock and the database's differ by less than {duration(MAX_DIFFERENCE)}")
    where = "ahead of" if difference > 0 else "behind"
    return [
        warning(
            f"this machine's clock is {duration(abs(difference))} {where} the database's; on the machine of an API that"
            " shifts the order of tasks in lists",
            "Synchronize both machines with NTP (chrony, systemd-timesyncd).",
        )
    ]


async def check_clock_jumps(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    """The workers notice when the database's clock jumps. They report nothing of their own clocks."""
    jumped, ahead = await one_row(conn, sql("clock_jumps"), {"recent": RECENT_SECONDS})
    found: list[Finding] = []
    if ahead is not None:
        found.append(
            warning(
                f"a worker's last heartbeat is {duration(ahead)} in the future: the database's clock was set back",
                "Synchronize the database's machine with NTP, which corrects a clock slowly.",
            )
        )
    if jumped is not None:
        found.append(
            info(
                f"workers noticed that the database's clock jumped by {duration(jumped)} within the last hour",
                "Synchronize the database's machine with NTP. A suspended machine explains it, too.",
            )
        )
    return found or ok("no worker noticed a jump of the database's clock")
