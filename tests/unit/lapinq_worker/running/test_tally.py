"""What a worker counts of its tasks."""

import pytest

from lapinq_core.domain.figures import Figures
from lapinq_core.domain.histogram import percentiles
from lapinq_core.domain.tasks.decide import decide
from lapinq_core.domain.tasks.outcome import (
    Cancelled,
    Committed,
    Completed,
    Died,
    Interrupted,
    Outcome,
    Raised,
    Snoozed,
    Throttled,
    Unstarted,
)
from lapinq_core.domain.tasks.retry import RetryPolicy
from lapinq_core.monitoring.metrics import Metrics
from lapinq_worker.running.tally import Tally, outcome_of
from tests.support.deployment.scraping import Scraped
from tests.unit.lapinq_worker.claims import make_claim


def scrape(tally: Tally) -> Scraped:
    metrics = Metrics()
    metrics.show(tally)
    return Scraped(metrics.text()[0].decode())


def test_completions_are_counted_by_queue_and_task() -> None:
    tally = Tally()
    tally.ends += [("a", "add", "completed", 0.002)] * 30 + [("a", "send", "completed", 0.2)] * 2
    tally.count_ends()
    tally.ends += [("a", "add", "completed", 0.002), ("b", "add", "completed", 7.0)]
    tally.count_ends()
    tally.count_ends()
    seen = scrape(tally)
    for queue, task, count in (("a", "add", 31), ("a", "send", 2), ("b", "add", 1)):
        labels = {"queue": queue, "task": task, "outcome": "completed"}
        assert seen.value("lapinq_task_outcomes_total", **labels) == count
    assert seen.value("lapinq_task_run_seconds_bucket", queue="a", le="0.005") == 31
    assert seen.value("lapinq_task_run_seconds_count", queue="a") == 33
    assert seen.value("lapinq_task_run_seconds_sum", queue="a") == pytest.approx(0.462)
    assert seen.value("lapinq_task_run_seconds_bucket", queue="b", le="5.0") == 0


def test_an_attempt_that_was_not_begun_has_no_run_time() -> None:
    tally, claim = Tally(), make_claim(queue_name="a")
    tally.ended(claim, "handed_back", 0.0)
    tally.ended(claim, "failed", 0.5)
    tally.count_ends()
    seen = scrape(tally)
    assert seen.value("lapinq_task_outcomes_total", queue="a", task="add", outcome="handed_back") == 1
    assert seen.value("lapinq_task_run_seconds_count", queue="a") == 1


def test_waits_are_those_before_a_first_start() -> None:
    tally = Tally()
    released = [make_claim(queue_name="a", waited=1.0)]
    tally.claimed(released)
    tally.released(released)
    tally.starts += [make_claim(queue_name="a", waited=wait) for wait in (0.004, None, 3.0)]
    tally.starts += [make_claim(id="", queue_name=queue, waited=0.1) for queue in ("a", "b", "a")]
    tally.count_ends()
    tally.count_ends()
    seen = scrape(tally)
    assert seen.value("lapinq_task_wait_seconds_count", queue="a") == 4
    assert seen.value("lapinq_task_wait_seconds_bucket", queue="a", le="0.005") == 1
    assert seen.value("lapinq_task_wait_seconds_sum", queue="b") == pytest.approx(0.1)


def test_of_ten_thousand_queues_and_tasks_some_hundreds_are_told_apart() -> None:
    tally = Tally()
    for n in range(10_000):
        tally.ends.append((f"queue {n}", "add", "completed", 0.001))
        tally.ends.append(("queue 0", f"task {n}", "completed", 0.001))
        tally.ended(make_claim(queue_name=f"queue {n}", task_name=f"task {n}"), "failed", 0.001)
        tally.starts.append(make_claim(queue_name=f"queue {n}", waited=0.001))
    tally.count_ends()
    tally.ended(make_claim(queue_name="other", task_name="other"), "failed", 0.001)
    tally.count_ends()
    seen = scrape(tally)
    for name in ("lapinq_task_run_seconds_count", "lapinq_task_wait_seconds_count"):
        assert len(seen.labels(name, "queue")) == 201
        assert "other" in seen.labels(name, "queue")
    assert seen.total("lapinq_task_wait_seconds_count") == 10_000
    assert seen.total("lapinq_task_run_seconds_count") == 30_001
    assert seen.total("lapinq_task_outcomes_total") == 30_001
    assert len(seen.labels("lapinq_task_outcomes_total", "task")) <= 501
    assert seen.labels("lapinq_task_outcomes_total", "queue") <= {
        "other",
        *(f"queue {n}" for n in range(200)),
    }


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (Completed("1"), "completed"),
        (Committed(), "completed"),
        (Raised("no"), "retried"),
        (Died("killed"), "retried"),
        (Cancelled("by a person"), "cancelled"),
        (Snoozed(5.0), "snoozed"),
        (Throttled("api", 5.0), "snoozed"),
        (Interrupted(), "handed_back"),
        (Unstarted(), "handed_back"),
    ],
)
def test_each_end_has_its_word(outcome: Outcome, word: str) -> None:
    policy = RetryPolicy(3, 10.0, True)
    assert outcome_of(outcome, decide(policy, 1, outcome, 0.5)) == word


def test_an_end_without_a_retry_left_is_a_failure() -> None:
    policy = RetryPolicy(0, 10.0, True)
    for outcome in (Raised("no"), Interrupted()):
        assert outcome_of(outcome, decide(policy, 1, outcome, 0.5)) == "failed"


def test_figures_are_what_happened_since_they_were_taken() -> None:
    tally = Tally()
    claims = [make_claim(queue_name="a", waited=wait) for wait in (0.004, None, 3.0)]
    tally.claimed(claims)
    tally.claimed([make_claim(id="", queue_name=queue) for queue in ("a", "b")])
    tally.starts += claims
    tally.ends += [("a", "add", "completed", 0.002)] * 30 + [("b", "send", "completed", 0.2)]
    tally.ended(make_claim(queue_name="a"), "completed", 0.5)
    tally.ended(make_claim(queue_name="a"), "failed", 0.5)
    tally.ended(make_claim(queue_name="a"), "retried", 0.5)
    taken = tally.take_figures()
    a, b = taken["a"], taken["b"]
    assert (a.started, a.completed, a.failed, a.retried) == (4, 31, 1, 1)
    assert (sum(a.runs), sum(a.waits)) == (33, 2)
    assert (b.started, b.completed, b.failed, sum(b.runs), sum(b.waits)) == (1, 1, 0, 1, 0)
    assert percentiles(a.runs, (0.5,)) == [pytest.approx(0.002, rel=0.34)]
    assert percentiles(a.waits, (0.0, 1.0)) == pytest.approx([0.004, 3.0], rel=0.34)
    assert tally.take_figures() == {}


def test_figures_given_back_are_taken_with_the_next() -> None:
    tally = Tally()
    tally.ends += [("a", "add", "completed", 0.002)] * 3
    tally.give_back(tally.take_figures())
    tally.ends += [("a", "add", "completed", 0.002), ("b", "add", "completed", 0.002)]
    taken = tally.take_figures()
    assert {queue: (each.completed, sum(each.runs)) for queue, each in taken.items()} == {
        "a": (4, 4),
        "b": (1, 1),
    }


def test_what_goes_without_having_begun_was_not_started() -> None:
    tally, claims = Tally(), [make_claim(queue_name="a") for _ in range(5)]
    tally.claimed(claims)
    tally.released(claims[:2])
    tally.ended(claims[2], "handed_back", 0.0)
    tally.ended(claims[3], "handed_back", 0.5)
    tally.ended(claims[4], "cancelled", 0.0)
    figures = tally.take_figures()["a"]
    assert (figures.started, sum(figures.runs)) == (1, 1)


def test_of_ten_thousand_queues_the_figures_of_some_hundreds_are_kept() -> None:
    tally = Tally()
    for n in range(10_000):
        tally.ends.append((f"queue {n}", "add", "completed", 0.001))
        tally.claimed([make_claim(queue_name=f"queue {n}", waited=0.001)])
        tally.starts.append(make_claim(queue_name=f"queue {n}", waited=0.001))
    taken = tally.take_figures()
    assert len(taken) == 201
    assert taken["other"].completed == 9_800
    total = Figures.total(taken.values())
    assert (total.started, total.completed, sum(total.runs), sum(total.waits)) == (10_000,) * 4


def test_each_task_name_has_figures_of_its_own() -> None:
    tally = Tally()
    tally.ends += [("a", "add", "completed", 0.002)] * 3 + [
        ("a", "send", "failed", 0.2),
        ("b", "add", "retried", 2.0),
    ]
    tally.ended(make_claim(queue_name="a", task_name="add"), "failed", 0.0)
    taken = tally.take_task_figures()
    assert {pair: (each.completed, each.failed, each.retried) for pair, each in taken.items()} == {
        ("a", "add"): (3, 1, 0),
        ("a", "send"): (0, 1, 0),
        ("b", "add"): (0, 0, 1),
    }
    assert {pair: sum(each.runs) for pair, each in taken.items()} == {
        ("a", "add"): 3,
        ("a", "send"): 1,
        ("b", "add"): 1,
    }
    assert tally.take_task_figures() == {}
    tally.give_task_figures_back(taken)
    assert tally.take_task_figures() == taken
    assert tally.take_figures()["a"].completed == 3
