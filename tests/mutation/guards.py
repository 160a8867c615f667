"""Guards: conditions and rules without which everything seems to work until something breaks.

Each is taken out by a change of one place in a file, so that a test can show that it would be missed.
"""

import re
from enum import StrEnum
from pathlib import Path

from tests.support.programs.processes import REPOSITORY


class Guard(StrEnum):
    """What can be taken out."""

    COMPLETE_TOKEN = "complete-token"
    SETTLE_TOKEN = "settle-token"
    RELEASE_TOKEN = "release-token"
    PROGRESS_TOKEN = "progress-token"
    SETTLE_CANCEL_REQUEST = "settle-cancel-request"
    RELEASE_CANCEL_REQUEST = "release-cancel-request"
    CLAIM_SKIP_LOCKED = "claim-skip-locked"
    RESCUE_SKIP_LOCKED = "rescue-skip-locked"
    TICK_KEY = "tick-key"
    TICK_INSTANT = "tick-instant"
    SCHEDULE_VERSION = "schedule-version"
    OVERLAP_SLOT = "overlap-slot"
    QUIET_PERIOD = "quiet-period"
    REFUSED_VALUES = "refused-values"
    CLOCK_JUMP = "clock-jump"
    EXPECTED_TIME = "expected-time"
    JUMPED_DEADLINE = "jumped-deadline"
    DEAD_CLAIM = "dead-claim"
    SILENT_CONNECTION = "silent-connection"
    OVERTAKEN_KEY = "overtaken-key"
    SECOND_PASS = "second-pass"


TASKS, SCHEDULES, UPKEEP = "lapinq_core/tasks/sql", "lapinq_core/schedules/sql", "lapinq_core/upkeep/sql"
WORKER = "services/lapinq_worker"

_TOKEN = r"(?:\br\.)?\btoken = i\.token\b"
_SKIP_LOCKED = r"\s+SKIP LOCKED\b"
_AT_ITS_INSTANT = (f"{SCHEDULES}/lock_schedules.sql", r" AND \(i\.at IS NULL OR [^)]*\)", "")

_REMOVED = {
    Guard.COMPLETE_TOKEN: (f"{TASKS}/complete.sql", r"\br\.token = \(.+", "true"),
    Guard.SETTLE_TOKEN: (f"{TASKS}/settle.sql", _TOKEN, "true"),
    Guard.RELEASE_TOKEN: (f"{TASKS}/release.sql", _TOKEN, "true"),
    Guard.PROGRESS_TOKEN: (f"{TASKS}/report_progress.sql", _TOKEN, "true"),
    Guard.SETTLE_CANCEL_REQUEST: (
        f"{TASKS}/settle.sql",
        r" OR r\.cancel_requested_at IS NOT NULL AS final",
        " AS final",
    ),
    Guard.RELEASE_CANCEL_REQUEST: (
        f"{TASKS}/release.sql",
        r"r\.cancel_requested_at IS NOT NULL AS",
        "false AS",
    ),
    Guard.CLAIM_SKIP_LOCKED: (f"{TASKS}/claim.sql", _SKIP_LOCKED, ""),
    Guard.RESCUE_SKIP_LOCKED: (f"{UPKEEP}/find_lost.sql", _SKIP_LOCKED, ""),
    Guard.TICK_KEY: (
        f"{SCHEDULES}/insert_ticks.sql",
        r"DO NOTHING",
        "DO UPDATE SET task_id = excluded.task_id",
    ),
    Guard.TICK_INSTANT: _AT_ITS_INSTANT,
    Guard.SCHEDULE_VERSION: (f"{SCHEDULES}/lock_schedules.sql", r" AND i\.version = s\.version", ""),
    Guard.OVERLAP_SLOT: (
        f"{SCHEDULES}/free_slots.sql",
        r"AND NOT EXISTS \(SELECT FROM lapinq_running WHERE id = s\.task_id\)",
        "",
    ),
    Guard.QUIET_PERIOD: (
        f"{WORKER}/liveness/lease_trust.py",
        r"\band now\.elapsed - self\._steady_since >= self\._lease",
        "",
    ),
    Guard.REFUSED_VALUES: (
        f"{WORKER}/settling/settler.py",
        r"= \(psycopg\.DataError, .+\)",
        "= psycopg.Error",
    ),
    Guard.CLOCK_JUMP: (
        f"{WORKER}/liveness/lease_trust.py",
        r"max\(advanced - most, 0\.0\) \+ min\(advanced - least, 0\.0\)",
        "0.0",
    ),
    Guard.EXPECTED_TIME: (
        "lapinq_core/fleet/sql/declare_dead.sql",
        r"least\(lapinq_now\(\), to_timestamp\(%\(expected\)s::float8\)\)",
        "lapinq_now()",
    ),
    Guard.JUMPED_DEADLINE: (f"{UPKEEP}/find_lost.sql", r"THEN w\.jumped_seconds", "THEN 0"),
    Guard.DEAD_CLAIM: (
        f"{WORKER}/claiming/claimer.py",
        r"if worker != self\._member\.id:(?=\s+return Got\b)",
        "if False:",
    ),
    Guard.SILENT_CONNECTION: (f"{WORKER}/settling/settler.py", r"timeout\(seconds\)", "timeout(None)"),
    Guard.OVERTAKEN_KEY: (
        "services/lapinq_api/credentials/key_cache.py",
        r"(?<=self\._known\.clear\(\)\n)\s+\S+ = {}[^\n]*",
        "",
    ),
    Guard.SECOND_PASS: (
        f"{WORKER}/liveness/rescuer.py",
        r"0\.0 if len\(rescued\) == rescuing\.PASS_LIMIT else None",
        "None",
    ),
}
"""For each guard the file, the one place in it that matches, and what stands there instead."""

_BESIDE = {
    # Who comes second finds the schedule moved on, too, and a paused one without a next instant.
    Guard.TICK_KEY: _AT_ITS_INSTANT,
    Guard.SCHEDULE_VERSION: _AT_ITS_INSTANT,
}
"""Further guards that hold against the same, taken out together with the first."""


def without(guard: Guard) -> dict[Path, str]:
    """The text, without `guard`, of each file that has a part in it."""
    changed = dict[Path, str]()
    for name, pattern, other in filter(None, (_REMOVED[guard], _BESIDE.get(guard))):
        path = Path(name)
        before = changed.get(path) or (REPOSITORY / path).read_text(encoding="utf-8")
        changed[path], found = re.subn(pattern, other, before)
        assert found == 1, f"{pattern!r} stands {found} times in {name}"
    return changed
