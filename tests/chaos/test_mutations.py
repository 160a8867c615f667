"""The tests of the faults can fail: each guard is taken out of the product, and a test that needs it must notice.

See `tests.mutation.guards` for what they are. Three runs go at a time, for most of them wait most of the time.
"""

import re
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.mutation.applying import run_tests
from tests.mutation.guards import Guard, without

pytestmark = pytest.mark.slow

RUNS = 3
MAX_SECONDS = 240.0

CLAIM, SETTLE, RESCUE, PROGRESS, CANCELLING = (
    "tests/integration/tasks/attempts/test_claim.py",
    "tests/integration/tasks/attempts/test_settle.py",
    "tests/integration/upkeep/test_rescue.py",
    "tests/integration/tasks/attempts/test_progress.py",
    "tests/integration/tasks/actions/test_cancelling.py",
)
FIRING, OVERLAPPING, SETTLER, OUTAGES = (
    "tests/integration/schedules/test_firing.py",
    "tests/integration/schedules/test_overlapping.py",
    "tests/integration/lapinq_worker/settling/test_settler.py",
    "tests/chaos/database/test_outages.py",
)
TRUST, MEMBERSHIP, RESCUER, KEYS = (
    "tests/unit/lapinq_worker/liveness/test_lease_trust.py",
    "tests/integration/lapinq_worker/liveness/test_membership.py",
    "tests/integration/lapinq_worker/liveness/test_rescuer.py",
    "tests/integration/lapinq_api/credentials/test_key_cache.py",
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
    Guard.SETTLE_TOKEN: ([f"{SETTLE}::test_a_stale_workers_result_changes_nothing"], r"== \(0, \[\]\)"),
    Guard.RELEASE_TOKEN: ([f"{SETTLE}::test_a_stale_workers_result_changes_nothing"], r"== set\(\)"),
    Guard.PROGRESS_TOKEN: (
        [
            f"{PROGRESS}::test_an_attempt_reports_its_own_progress_and_no_others",
            f"{PROGRESS}::test_a_stale_report_does_not_reach_the_later_claim",
        ],
        r"assert \{",
    ),
    Guard.SETTLE_CANCEL_REQUEST: (
        [f"{CANCELLING}::test_what_a_lost_worker_was_asked_to_stop_ends_cancelled"],
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
        r"assert \(\[HandledTick",
    ),
    Guard.TICK_INSTANT: (
        [f"{FIRING}::test_of_two_that_saw_the_same_tick_one_makes_its_task[pruned]"],
        r"assert \(\[HandledTick",
    ),
    Guard.SCHEDULE_VERSION: (
        [f"{FIRING}::test_nothing_fires_once_a_pause_was_answered"],
        r"assert \(\[HandledTick",
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
    Guard.DEAD_CLAIM: (
        [f"{MEMBERSHIP}::test_what_it_was_claiming_when_it_was_declared_dead_is_left_to_others"],
        r"assert Counter|still \{\} after",  # the dead worker was quicker than the rescue
    ),
    Guard.SILENT_CONNECTION: (
        [f"{SETTLER}::test_a_connection_that_answers_nothing_is_given_up"],
        r"still False after",
    ),
    Guard.OVERTAKEN_KEY: (
        [f"{KEYS}::test_an_answer_that_a_deletion_overtook_is_neither_shared_nor_remembered"],
        r"assert await late is None",
    ),
    Guard.SECOND_PASS: (
        [f"{RESCUER}::test_after_a_full_pass_the_next_follows_at_once"],
        r"== \[0\.0, None\]",
    ),
}


Runs = dict[Guard | None, Future[tuple[int, str]]]


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest,
    postgres_url: str,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[Runs]:
    """The exit code and output of each run, by the guard that is out; all are on their way."""

    folders = {
        guard: tmp_path_factory.mktemp("mutation") for guard in (*Guard, None)
    }  # pytest's is for one thread

    def run(guard: Guard | None, tests: list[str]) -> tuple[int, str]:
        changes = {} if guard is None else without(guard)
        return run_tests(changes, tests, folders[guard], postgres_url, template_database, MAX_SECONDS)

    wanted = {guard for item in request.session.items for guard in Guard if f"[{guard}]" in item.name}
    everything = {test for tests, _ in NOTICED.values() for test in tests if not test.startswith(OUTAGES)}
    with ThreadPoolExecutor(RUNS) as pool:
        # The longest first.
        order = sorted(wanted, key=lambda guard: guard is not Guard.QUIET_PERIOD)
        runs: Runs = {guard: pool.submit(run, guard, NOTICED[guard][0]) for guard in order}
        runs[None] = pool.submit(run, None, sorted(everything))
        yield runs
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("guard", Guard)
def test_a_guard_that_is_taken_out_is_missed(runs: Runs, guard: Guard) -> None:
    tests, complaint = NOTICED[guard]
    code, output = runs[guard].result()
    assert code == pytest.ExitCode.TESTS_FAILED, output
    assert re.search(rf"^{len(tests)} failed in ", output, re.MULTILINE), output
    assert re.search(complaint, output), output


def test_with_all_guards_in_place_the_same_run_passes(runs: Runs) -> None:
    code, output = runs[None].result()
    assert code == pytest.ExitCode.OK, output
