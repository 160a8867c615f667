"""What a worker counts of failures: by queue, task function and shape of error, in bounded memory."""

import pytest

from lapinq_core.domain.error_groups import OTHER_KIND
from lapinq_core.domain.tasks.decide import Fail, Retry
from lapinq_worker.running import failures as failures_module
from lapinq_worker.running.failures import FailureTally
from tests.unit.lapinq_worker.claims import make_claim

SEND = make_claim(queue_name="mail", task_name="send")


def test_errors_that_differ_in_numbers_are_counted_together_and_the_last_is_kept() -> None:
    tally = FailureTally()
    tally.ended(SEND, Retry(1.0, "ValueError: no 1\nmore", "first"))
    tally.ended(SEND, Retry(1.0, "ValueError: no 1\nmore"))
    tally.ended(SEND, Fail("ValueError: no 2", "last"))
    tally.ended(make_claim(queue_name="mail", task_name="other"), Fail("ValueError: no 2"))
    taken = failures, other = tally.take()
    assert (failures.shape.kind, failures.failed, failures.retried) == ("ValueError: no *", 1, 2)
    assert (failures.error, failures.traceback, failures.task_id) == ("ValueError: no 2", "last", SEND.id)
    assert failures.samples == ["ValueError: no 2", "ValueError: no 1"]
    assert failures.first <= failures.last
    assert (other.task_name, other.failed) == ("other", 1)
    assert tally.take() == []
    # What is given back is taken with what came since.
    tally.ended(SEND, Retry(1.0, "ValueError: no 3"))
    tally.give_back(taken)
    counted = {each.task_name: (each.failed, each.retried, each.error) for each in tally.take()}
    assert counted == {"send": (1, 3, "ValueError: no 3"), "other": (1, 0, "ValueError: no 2")}


def test_only_the_first_failure_of_a_group_is_due_while_others_keep_coming(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failures_module, "MAX_KNOWN", 2)
    tally = FailureTally()
    due = list[bool]()
    for error in (
        "ValueError: no 1",
        "ValueError: no 2",
        "KeyError: no",
        "TypeError: one too many to remember",
    ):
        tally.ended(SEND, Fail(error))
        due.append(tally.due.is_set())
        tally.take()
    assert due == [True, False, True, False]


def test_after_a_quiet_time_the_next_failure_is_due_whatever_its_group() -> None:
    tally = FailureTally()
    assert tally.is_idle()
    tally.ended(SEND, Fail("ValueError: no"))
    assert not tally.is_idle()
    tally.give_back(tally.take())
    assert not tally.is_idle()
    tally.take()
    assert tally.is_idle()
    assert not tally.due.is_set()
    for number in range(2):
        tally.ended(SEND, Fail(f"ValueError: no {number}"))
        assert tally.due.is_set() is (number == 0)
        tally.due.clear()


def test_many_kinds_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("MAX_ERRORS", 5), ("MAX_GROUPS", 10), ("MAX_OTHER", 2)):
        monkeypatch.setattr(failures_module, name, most)
    tally = FailureTally()
    words = [f"E{chr(65 + number)}: x" for number in range(26)]
    for word in words:
        tally.ended(SEND, Fail(word))
    for name in ("a", "b", "c"):
        tally.ended(make_claim(queue_name="mail", task_name=name), Fail("new"))
    seen = {(each.queue_name, each.task_name, each.shape.text): each.failed for each in tally.take()}
    assert len(seen) == 12
    assert seen["mail", "send", words[0]] == 1
    assert seen["mail", "send", OTHER_KIND] == 16
    assert seen["mail", "a", OTHER_KIND] == 1
