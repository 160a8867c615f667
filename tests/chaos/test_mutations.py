"""The tests of the faults can fail: each guard is taken out of the product, and a test that needs it must notice.

See `tests.support.mutant` for how. A guard is a condition of a statement or a rule without which everything seems to
work until something breaks.
"""

import os
import re
import subprocess
import sys

import pytest

from tests.support.mutant import VARIABLE, Guard
from tests.support.processes import REPOSITORY

CLAIM, SETTLE, RESCUE, PROGRESS, CANCELLING, FIRING, OVERLAPPING, SETTLER, OUTAGES, TRUST = (
    "tests/integration/tasks/test_claim.py",
    "tests/integration/tasks/test_settle.py",
    "tests/integration/upkeep/test_rescue.py",
    "tests/integration/tasks/test_progress.py",
    "tests/integration/tasks/test_cancelling.py",
    "tests/integration/schedules/test_firing.py",
    "tests/integration/schedules/test_overlapping.py",
    "tests/integration/lapinq_worker/settling/test_settler.py",
    "tests/chaos/test_outages.py",
    "tests/unit/lapinq_worker/liveness/test_lease_trust.py",
)

# What misses which guard, and by which words it complains.
NOTICED = {
    Guard.COMPLETE_TOKEN: (
        [
            f"{SETTLE}::test_a_stale_workers_result_changes_nothing",
            f"{SETTLE}::test_a_result_from_before_a_requeue_is_refused",
            f"{SETTLE}::test_a_result_from_before_a_rescue_and_a_requeue_is_refused",
        ],
        r"assert 1 == 0",
    ),
    Guard.SETTLE_TOKEN: ([f"{SETTLE}::test_a_stale_workers_result_changes_nothing"], r"== \{\}"),
    Guard.RELEASE_TOKEN: ([f"{SETTLE}::test_a_stale_workers_result_changes_nothing"], r"== set\(\)"),
    Guard.PROGRESS_TOKEN: (
        [
            f"{PROGRESS}::test_an_attempt_reports_its_own_progress_and_no_others",
            f"{PROGRESS}::test_a_stale_report_does_not_reach_the_later_claim",
        ],
        r"assert \{",
    ),
    Guard.SETTLE_CANCEL_REQUEST: (
        [f"{CANCELLING}::test_what_a_lost_worker_was_asked_to_stop_ends_cancelled[3]"],
        r"Error",
    ),
    Guard.RELEASE_CANCEL_REQUEST: (
        [f"{CANCELLING}::test_what_was_claimed_and_not_begun_ends_cancelled_without_a_start"],
        r"assert .*pending",
    ),
    Guard.CLAIM_SKIP_LOCKED: ([f"{CLAIM}::test_a_claim_waits_for_no_lock"], r"LockNotAvailable"),
    Guard.RESCUE_SKIP_LOCKED: ([f"{RESCUE}::test_a_rescue_waits_for_no_lock"], r"LockNotAvailable"),
    Guard.TICK_KEY: (
        [f"{FIRING}::test_of_two_that_saw_the_same_tick_one_makes_its_task[kept]"],
        r"assert \(\[Dealt",
    ),
    Guard.TICK_INSTANT: (
        [f"{FIRING}::test_of_two_that_saw_the_same_tick_one_makes_its_task[pruned]"],
        r"assert \(\[Dealt",
    ),
    Guard.SCHEDULE_VERSION: (
        [f"{FIRING}::test_nothing_fires_once_a_pause_was_answered"],
        r"assert \(\[Dealt",
    ),
    Guard.OVERLAP_SLOT: (
        [f"{OVERLAPPING}::test_the_previous_run_is_cancelled_and_the_tick_waits_for_its_end"],
        r"assert .*enqueued",
    ),
    Guard.QUIET_PERIOD: (
        [f"{OUTAGES}::test_a_worker_that_comes_up_after_an_outage_judges_nobody_for_a_lease"],
        r"assert .*\bis lost\b",
    ),
    Guard.REFUSED_VALUES: (
        [f"{SETTLER}::test_outcomes_wait_while_the_database_is_read_only"],
        r"assert \[.*failed",
    ),
    Guard.CLOCK_JUMP: (
        [
            f"{TRUST}::test_until_a_jump_is_noticed_the_time_before_it_is_expected",
            f"{TRUST}::test_where_the_clock_stood_still_the_answer_of_the_next_beat_ends_the_calm",
            f"{TRUST}::test_what_was_claimed_before_a_jump_forward_gets_as_much_longer",
        ],
        r"assert .* is None",
    ),
    Guard.EXPECTED_TIME: (
        [f"{RESCUE}::test_by_a_clock_that_has_just_jumped_nobody_is_late_and_nothing_overdue[1]"],
        r"== \[\]",
    ),
    Guard.JUMPED_DEADLINE: (
        [f"{RESCUE}::test_only_what_was_claimed_before_a_jump_is_overdue_later"],
        r"assert \{",
    ),
}


def run_without(guard: Guard | None, tests: list[str], server: str) -> tuple[int, str]:
    """The exit code and output of pytest, on the same server."""
    env = {**os.environ, VARIABLE: guard or "", "LAPINQ_TEST_DATABASE_URL": server}
    env.pop("PYTEST_ADDOPTS", None)
    options = ("-p", "tests.support.mutant", "-p", "no:cacheprovider", "-q", "--color=no")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("guard", Guard)
def test_a_guard_that_is_taken_out_is_missed(postgres_url: str, guard: Guard) -> None:
    tests, complaint = NOTICED[guard]
    code, output = run_without(guard, tests, postgres_url)
    assert code == pytest.ExitCode.TESTS_FAILED, output
    assert re.search(rf"^{len(tests)} failed in ", output, re.MULTILINE), output
    assert re.search(complaint, output), output


def test_with_all_guards_in_place_the_same_run_passes(postgres_url: str) -> None:
    tests = sorted({test for tests, _ in NOTICED.values() for test in tests if not test.startswith(OUTAGES)})
    code, output = run_without(None, tests, postgres_url)
    assert code == pytest.ExitCode.OK, output
