"""The line at the end of an attempt that did not complete: once, with what follows."""

import logging
from typing import Any

import pytest

from lapinq_core.domain.tasks.decide import Drop, Fail, Next, Release, Retry
from lapinq_core.domain.tasks.outcome import (
    Cancelled,
    Interrupted,
    Outcome,
    Raised,
    Snoozed,
    Suspended,
    Throttled,
    TimedOut,
    Unstarted,
)
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.time_limits import Limits
from lapinq_worker.settling.end_log import EndLog, log_lost
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_claim

STACK = 'Traceback (most recent call last):\n  File "shop.py", line 1, in send\nValueError: no\n'
RAISED = Raised("ValueError: no", STACK)
FACTS = {"task_id": "7", "task_name": "send", "queue": "mail", "attempt": 2}


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lapinq.tasks")


def job(**values: Any) -> Job:
    facts = {"id": "7", "module_path": "shop", "task_name": "send", "queue_name": "mail", "attempt": 2}
    return Job(make_claim(**{**facts, **values}), Target(tasks.noop), Host(Limits()))


def fields(record: logging.LogRecord) -> dict[str, Any]:
    names = (*FACTS, "seconds", "outcome", "error", "request_id")
    return {name: vars(record)[name] for name in names if name in vars(record)}


FAIL = Fail("ValueError: no", STACK)
RETRY = Retry(12.34, "ValueError: no", STACK)
SNOOZE, CLOSE = Release("snoozed for 60 s", 60.0), Release("limit api closed for 30 s", 30.0)
STOP = Release("the worker was stopped")
WAIT = Release("suspended: waits", 60.0)
NO_RETRY = "(start 2 of at most 4, no retry follows): ValueError: no"
AGAIN = "(start 2 of at most 4, again in 12.3 s): ValueError: no"
ENDS = [
    (RAISED, FAIL, 0.1234567, logging.ERROR, f"failed after 0.123 s {NO_RETRY}", "failed"),
    (RAISED, FAIL, 0.0, logging.ERROR, f"failed {NO_RETRY}", "failed"),
    (RAISED, RETRY, 0.5, logging.WARNING, f"failed after 0.500 s {AGAIN}", "retried"),
    (Cancelled("bye"), Drop("bye"), 0.5, logging.INFO, "cancelled after 0.500 s: bye", "cancelled"),
    (Snoozed(60.0), SNOOZE, 0.5, logging.INFO, "snoozed for 60 s after 0.500 s", "snoozed"),
    (Suspended("waits"), WAIT, 0.5, logging.INFO, "suspended: waits after 0.500 s", "suspended"),
    (Throttled("api", 30.0), CLOSE, 0.5, logging.INFO, "limit api closed for 30 s after 0.500 s", "snoozed"),
    (Interrupted(), STOP, 0.5, logging.INFO, "released after 0.500 s: the worker was stopped", "released"),
]


@pytest.mark.parametrize(("outcome", "following", "seconds", "level", "words", "kind"), ENDS)
def test_it_says_how_the_attempt_ended_and_what_follows(
    caplog: pytest.LogCaptureFixture,
    outcome: Outcome,
    following: Next,
    seconds: float,
    level: int,
    words: str,
    kind: str,
) -> None:
    EndLog().ended(job(), outcome, following, seconds)
    [line] = caplog.records
    assert (line.levelno, line.getMessage()) == (level, f"shop.send {words}")
    found = fields(line)
    assert found.pop("error") in words
    assert found == {**FACTS, "seconds": round(seconds, 6), "outcome": kind}
    # Only a final failure shows its traceback: a retry's is with the task.
    assert line.exc_text == (STACK if level == logging.ERROR else None)


@pytest.mark.parametrize("name", ["lapinq.tasks", "app.jobs"])
def test_handlers_of_others_get_the_record_of_a_completion_at_once(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.INFO, name)
    ended = job()
    EndLog().completed(ended, 0.5)
    ended.target.log = logging.getLogger(name)
    EndLog().completed(ended, 0.5)
    [line] = caplog.records
    assert (line.name, line.getMessage()) == (name, "shop.send completed in 0.500 s")


LOST = [
    (RAISED, logging.ERROR, "failed", "ValueError: no", STACK),
    (TimedOut(3.0), logging.ERROR, "failed", "time limit of 3 s reached", None),
    (Cancelled("bye"), logging.INFO, "cancelled", "bye", None),
    (Snoozed(60.0), logging.WARNING, "is lost", "snoozed for 60 s", None),
    (Unstarted(), logging.WARNING, "is lost", "it has not started", None),
]


@pytest.mark.parametrize(("outcome", "level", "what", "why", "stack"), LOST)
def test_a_fire_and_forget_task_ends_with_its_first_attempt(
    caplog: pytest.LogCaptureFixture, outcome: Outcome, level: int, what: str, why: str, stack: str | None
) -> None:
    log_lost(job(id="", max_retries=3, attempt=1), outcome, 0.5)
    [line] = caplog.records
    text = f"shop.send {what} after 0.500 s (fire and forget): {why}"
    assert (line.levelno, line.getMessage(), line.exc_text) == (level, text, stack)
    assert "task_id" not in vars(line)


def test_it_goes_to_the_logger_of_the_task_with_the_request_and_not_of_a_job_that_never_started(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = job(request_id="r-7")
    ended.target.log = logging.getLogger("app.jobs")
    EndLog().ended(ended, RAISED, Fail("no"), 0.1)
    EndLog().ended(ended, Unstarted(), Release(), 0.0)
    [line] = caplog.records
    assert (line.name, fields(line)["request_id"]) == ("app.jobs", "r-7")


def test_of_a_wave_of_failures_some_have_a_line_and_the_others_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = EndLog(most=3)
    for _ in range(4):
        log.ended(job(), RAISED, Fail("no"), 0.1)
        log.ended(job(), RAISED, Retry(1.0, "no"), 0.1)
        log.ended(job(), Unstarted(), Release(), 0.0)
    log.tell_left_out()  # the second is not over
    assert len(caplog.records) == 3
    log.tell_left_out(is_last=True)
    log.tell_left_out(is_last=True)
    assert [line.getMessage() for line in caplog.records[3:]] == [
        "5 lines left out, because over 3 attempts did not complete within a second: 3 retried, 2 failed"
    ]


def test_a_line_that_nobody_wants_takes_no_place_from_others(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "lapinq.tasks")
    log = EndLog(most=1)
    log.ended(job(), RAISED, Retry(1.0, "no"), 0.1)
    log.ended(job(), RAISED, Fail("no"), 0.1)
    assert [line.levelno for line in caplog.records] == [logging.ERROR]
