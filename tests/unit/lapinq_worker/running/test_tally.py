"""What a worker counts of its tasks."""

import pytest

from lapinq_core.domain.figures import ALL_QUEUES, Figures
from lapinq_core.domain.histogram import percentiles
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import decide
from lapinq_core.domain.tasks.outcome import (
    Cancelled,
    Committed,
    Completed,
    Died,
    Interrupted,
    OfOtherVersion,
    Raised,
    Snoozed,
    Suspended,
    Throttled,
    Unstarted,
)
from lapinq_core.domain.tasks.retry import RetryPolicy
from lapinq_core.monitoring.metrics import Metrics
from lapinq_worker.running.tally import MOST_FIGURES, Tally, outcome_of
from tests.support.deployment.scraping import Scraped
from tests.unit.lapinq_worker.claims import make_claim

MANY, MOST = 600, 200


def scrape(tally: Tally) -> Scraped:
    metrics = Metrics()
    metrics.show(tally)
    return Scraped(metrics.text()[0].decode())


def claims(*waits: float | None, queue: str = "a") -> list[Claim]:
    return [make_claim(queue_name=queue, waited=wait) for wait in waits]


def test_ends_are_counted_by_queue_and_task_and_those_that_began_by_their_run_times() -> None:
    tally = Tally()
    tally.ends += [("a", "add", "completed", 0.002, "")] * 30 + [("a", "send", "completed", 0.2, "")] * 2
    tally.count_ends()
    tally.ends += [("a", "add", "completed", 0.002, ""), ("b", "add", "completed", 7.0, "")]
    tally.ended(make_claim(queue_name="c"), "handed_back", 0.0)
    tally.ended(make_claim(queue_name="c"), "failed", 0.5)
    for _ in range(2):
        tally.count_ends()
    seen = scrape(tally)
    for queue, task, outcome, count in (
        ("a", "add", "completed", 31),
        ("a", "send", "completed", 2),
        ("b", "add", "completed", 1),
        ("c", "add", "handed_back", 1),
    ):
        labels = {"queue": queue, "task": task, "outcome": outcome}
        assert seen.value("lapinq_task_outcomes_total", **labels) == count
    assert seen.value("lapinq_task_run_seconds_bucket", queue="a", le="0.005") == 31
    assert seen.value("lapinq_task_run_seconds_count", queue="a") == 33
    assert seen.value("lapinq_task_run_seconds_sum", queue="a") == pytest.approx(0.462)
    assert seen.value("lapinq_task_run_seconds_bucket", queue="b", le="5.0") == 0
    assert seen.value("lapinq_task_run_seconds_count", queue="c") == 1


def test_waits_are_those_before_a_first_start() -> None:
    tally = Tally()
    released = claims(1.0)
    tally.claimed(released)
    tally.released(released)
    tally.starts += claims(0.004, None, 3.0)
    tally.starts += [make_claim(id="", queue_name=queue, waited=0.1) for queue in ("a", "b", "a")]
    for _ in range(2):
        tally.count_ends()
    seen = scrape(tally)
    assert seen.value("lapinq_task_wait_seconds_count", queue="a") == 4
    assert seen.value("lapinq_task_wait_seconds_bucket", queue="a", le="0.005") == 1
    assert seen.value("lapinq_task_wait_seconds_sum", queue="b") == pytest.approx(0.1)


def test_of_very_many_queues_and_tasks_some_hundreds_are_told_apart() -> None:
    tally = Tally()
    for n in range(MANY):
        tally.ends.append((f"queue {n}", "add", "completed", 0.001, ""))
        tally.ends.append(("queue 0", f"task {n}", "completed", 0.001, ""))
        tally.ended(make_claim(queue_name=f"queue {n}", task_name=f"task {n}"), "failed", 0.001)
        tally.claimed(claims(0.001, queue=f"queue {n}"))
        tally.starts += claims(0.001, queue=f"queue {n}")
    tally.count_ends()
    tally.ended(make_claim(queue_name="other", task_name="other"), "failed", 0.001)
    tally.count_ends()
    seen = scrape(tally)
    for name in ("lapinq_task_run_seconds_count", "lapinq_task_wait_seconds_count"):
        assert len(seen.labels(name, "queue")) == MOST + 1
        assert "other" in seen.labels(name, "queue")
    assert seen.total("lapinq_task_wait_seconds_count") == MANY
    assert seen.total("lapinq_task_run_seconds_count") == 3 * MANY + 1
    assert seen.total("lapinq_task_outcomes_total") == 3 * MANY + 1
    assert len(seen.labels("lapinq_task_outcomes_total", "task")) <= 501
    assert seen.labels("lapinq_task_outcomes_total", "queue") <= {
        "other",
        *(f"queue {n}" for n in range(MOST)),
    }
    figures = tally.take_figures()
    assert figures.keys() == {"other", *(f"queue {n}" for n in range(MANY))}
    total = Figures.total(figures.values())
    assert (total.started, total.completed, total.failed) == (MANY, 2 * MANY, MANY + 1)
    assert (sum(total.runs), sum(total.waits)) == (3 * MANY + 1, MANY)


def test_each_end_has_its_word() -> None:
    for outcome, word, without_a_retry in (
        (Completed("1"), "completed", "completed"),
        (Committed(), "completed", "completed"),
        (Raised("no"), "retried", "failed"),
        (Died("killed"), "retried", "failed"),
        (Cancelled("by a person"), "cancelled", "cancelled"),
        (Snoozed(5.0), "snoozed", "snoozed"),
        (Throttled("api", 5.0), "snoozed", "snoozed"),
        (Suspended("waits for the signal yes"), "suspended", "suspended"),
        (OfOtherVersion("it needs version 2 of the function"), "handed_back", "handed_back"),
        (Interrupted(), "handed_back", "failed"),
        (Unstarted(), "handed_back", "handed_back"),
    ):
        words = [
            outcome_of(outcome, decide(RetryPolicy(most, 10.0, True), 1, outcome, 0.5)) for most in (3, 0)
        ]
        assert words == [word, without_a_retry], outcome


def test_figures_are_what_happened_since_they_were_taken_or_given_back() -> None:
    tally = Tally()
    claimed = claims(0.004, None, 3.0)
    tally.claimed(claimed)
    tally.claimed([make_claim(id="", queue_name=queue) for queue in ("a", "b")])
    tally.starts += claimed
    tally.ends += [("a", "add", "completed", 0.002, "")] * 30 + [("b", "send", "completed", 0.2, "")]
    for word in ("completed", "failed", "retried"):
        tally.ended(make_claim(queue_name="a"), word, 0.5)
    taken = tally.take_figures()
    a, b = taken["a"], taken["b"]
    assert (a.started, a.completed, a.failed, a.retried) == (4, 31, 1, 1)
    assert (sum(a.runs), sum(a.waits)) == (33, 2)
    assert (b.started, b.completed, b.failed, sum(b.runs), sum(b.waits)) == (1, 1, 0, 1, 0)
    assert percentiles(a.runs, (0.5,)) == [pytest.approx(0.002, rel=0.34)]
    assert percentiles(a.waits, (0.0, 1.0)) == pytest.approx([0.004, 3.0], rel=0.34)
    assert tally.take_figures() == {}
    tally.give_back(taken)
    tally.ends += [("a", "add", "completed", 0.002, ""), ("c", "add", "completed", 0.002, "")]
    taken = tally.take_figures()
    assert {queue: (each.completed, sum(each.runs)) for queue, each in taken.items()} == {
        "a": (32, 34),
        "b": (1, 1),
        "c": (1, 1),
    }


def test_what_goes_without_having_begun_was_not_started() -> None:
    tally, claimed = Tally(), claims(*[None] * 5)
    tally.claimed(claimed)
    tally.released(claimed[:2])
    tally.ended(claimed[2], "handed_back", 0.0)
    tally.ended(claimed[3], "handed_back", 0.5)
    tally.ended(claimed[4], "cancelled", 0.0)
    figures = tally.take_figures()["a"]
    assert (figures.started, sum(figures.runs)) == (1, 1)


def test_each_task_name_has_figures_of_its_own() -> None:
    tally = Tally()
    tally.ends += [("a", "add", "completed", 0.002, "")] * 3 + [
        ("a", "send", "failed", 0.2, ""),
        ("b", "add", "retried", 2.0, ""),
    ]
    tally.ended(make_claim(queue_name="a", task_name="add"), "failed", 0.0)
    taken = tally.take_task_figures()
    assert {
        pair: (each.completed, each.failed, each.retried, sum(each.runs)) for pair, each in taken.items()
    } == {
        ("a", "add"): (3, 1, 0, 3),
        ("a", "send"): (0, 1, 0, 1),
        ("b", "add"): (0, 0, 1, 1),
    }
    assert tally.take_task_figures() == {}
    tally.give_task_figures_back(taken)
    assert tally.take_task_figures() == taken
    assert tally.take_figures()["a"].completed == 3


def test_sixty_queues_with_thirty_functions_each_keep_their_names() -> None:
    tally = Tally()
    pairs = {(f"queue {queue}", f"task {task}") for queue in range(60) for task in range(30)}
    tally.ends += [(*pair, "failed", 0.001, "") for pair in pairs]
    assert tally.take_task_figures().keys() == pairs


def test_what_exceeds_the_names_between_two_writes_counts_among_all_queues() -> None:
    tally = Tally()
    for _ in range(2):
        names = [f"queue {n}" for n in range(MOST_FIGURES + 5)]
        tally.ends += [(name, "add", "completed", 0.001, "") for name in names]
        figures, of_tasks = tally.take_figures(), tally.take_task_figures()
        assert (len(figures), figures[ALL_QUEUES].completed) == (MOST_FIGURES + 1, 5)
        assert len(of_tasks) == MOST_FIGURES


def test_each_task_name_remembers_the_slowest_tasks_that_ended() -> None:
    tally = Tally()
    tally.ends += [("a", "add", "completed", float(n % 7), f"id {n}") for n in range(7)]
    tally.ends += [
        ("a", "add", "retried", 9.0, "again"),
        ("a", "add", "completed", 8.0, ""),
        ("b", "add", "failed", 1.0, "b"),
    ]
    tally.count_ends()
    tally.ended(make_claim(id="late", queue_name="a", task_name="add"), "failed", 4.5)
    taken = tally.take_task_figures()
    assert taken["a", "add"].slowest == [
        (6.0, "id 6"),
        (5.0, "id 5"),
        (4.5, "late"),
        (4.0, "id 4"),
        (3.0, "id 3"),
    ]
    assert taken["b", "add"].slowest == [(1.0, "b")]
    tally.ends.append(("b", "add", "completed", 2.0, "longer"))
    tally.give_task_figures_back(taken)
    assert tally.take_task_figures()["b", "add"].slowest == [(2.0, "longer"), (1.0, "b")]
