"""Takes one guard out of the product, so that a test can show that it would be missed.

`python -m tests.support.mutant GUARD …` runs the command line without the guard. `-p tests.support.mutant` does the
same to a run of pytest and to the programs that its tests start; LAPINQ_TEST_MUTANT names the guard, empty for none.
"""

import os
import re
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import LiteralString, cast

import psycopg

from lapinq_core.db import statements

VARIABLE = "LAPINQ_TEST_MUTANT"

_TOKEN = r"\br\.token = i\.token\b"
_SKIP_LOCKED = r"\s+SKIP LOCKED\b"


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


_EXPECTED = r"least\(lapinq_now\(\), to_timestamp\(%\(expected\)s::float8\)\)"
_AT_ITS_INSTANT = ("lapinq_core.schedules", "lock_schedules", r" AND \(i\.at IS NULL OR [^)]*\)", "")

_REPLACED = {
    Guard.COMPLETE_TOKEN: ("lapinq_core.tasks", "complete", _TOKEN, "true"),
    Guard.SETTLE_TOKEN: ("lapinq_core.tasks", "settle", _TOKEN, "true"),
    Guard.RELEASE_TOKEN: ("lapinq_core.tasks", "release", _TOKEN, "true"),
    Guard.PROGRESS_TOKEN: ("lapinq_core.tasks", "report_progress", _TOKEN, "true"),
    Guard.SETTLE_CANCEL_REQUEST: (
        "lapinq_core.tasks",
        "settle",
        r" OR r\.cancel_requested_at IS NOT NULL AS final",
        " AS final",
    ),
    Guard.RELEASE_CANCEL_REQUEST: (
        "lapinq_core.tasks",
        "release",
        r"r\.cancel_requested_at IS NOT NULL AS",
        "false AS",
    ),
    Guard.CLAIM_SKIP_LOCKED: ("lapinq_core.tasks", "claim", _SKIP_LOCKED, ""),
    Guard.RESCUE_SKIP_LOCKED: ("lapinq_core.upkeep", "find_lost", _SKIP_LOCKED, ""),
    Guard.TICK_KEY: (
        "lapinq_core.schedules",
        "insert_ticks",
        r"DO NOTHING",
        "DO UPDATE SET task_id = excluded.task_id",
    ),
    Guard.TICK_INSTANT: _AT_ITS_INSTANT,
    Guard.SCHEDULE_VERSION: ("lapinq_core.schedules", "lock_schedules", r" AND i\.version = s\.version", ""),
    Guard.OVERLAP_SLOT: (
        "lapinq_core.schedules",
        "free_slots",
        r"AND NOT EXISTS \(SELECT FROM lapinq_running WHERE id = s\.task_id\)",
        "",
    ),
    Guard.EXPECTED_TIME: ("lapinq_core.fleet", "declare_dead", _EXPECTED, "lapinq_now()"),
    Guard.JUMPED_DEADLINE: ("lapinq_core.upkeep", "find_lost", r"THEN w\.jumped_seconds", "THEN 0"),
}
"""For guards in a statement: its package and verb, the one place that matches, and what stands there instead."""

_BESIDE = {
    # Who comes second finds the schedule moved on, too, and a paused one without a next instant.
    Guard.TICK_KEY: _AT_ITS_INSTANT,
    Guard.SCHEDULE_VERSION: _AT_ITS_INSTANT,
}
"""Further guards that hold against the same, taken out together with the first."""


def remove(guard: Guard) -> None:
    """Takes `guard` out of this process. Whatever reads statements must not have been imported yet."""
    assert "lapinq_core.tasks.work" not in sys.modules, "it has its statements already"
    if guard is Guard.QUIET_PERIOD:
        from lapinq_worker.liveness.lease_trust import LeaseTrust  # only here: it is no part of the core

        LeaseTrust.may_judge = _always
    elif guard is Guard.CLOCK_JUMP:
        from lapinq_worker.liveness import lease_trust  # likewise

        lease_trust._jump_between = _none  # pyright: ignore[reportPrivateUsage]
    elif guard is Guard.REFUSED_VALUES:
        from lapinq_worker.settling import settler  # likewise

        settler.REFUSED = psycopg.Error
    else:
        statements.sql = _without(statements.sql, *_REPLACED[guard])
        if guard in _BESIDE:
            statements.sql = _without(statements.sql, *_BESIDE[guard])


def _without(
    load: Callable[[str, str], LiteralString], package: str, verb: str, pattern: str, replacement: str
) -> Callable[[str, str], LiteralString]:
    text, found = re.subn(pattern, replacement, load(package, verb))
    assert found == 1, f"{pattern!r} stands {found} times in {verb}.sql"
    mutated = cast("LiteralString", text)

    @cache
    def sql(wanted_package: str, wanted_verb: str) -> LiteralString:
        return (
            mutated if (wanted_package, wanted_verb) == (package, verb) else load(wanted_package, wanted_verb)
        )

    return sql


def _always(self: object, now: object) -> bool:
    return True


def _none(last: object, answer: object) -> float:
    return 0.0


def _main() -> None:
    remove(Guard(sys.argv.pop(1)))
    from lapinq.cli import main  # it imports what reads statements

    main()


def _as_plugin(guard: Guard) -> None:
    remove(guard)
    from tests.support.processes import Program  # likewise

    def command(self: Program, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tests.support.mutant", guard, *arguments]

    Program.command = command


if __name__ == "__main__":
    _main()
elif named := os.environ.get(VARIABLE):
    _as_plugin(Guard(named))
