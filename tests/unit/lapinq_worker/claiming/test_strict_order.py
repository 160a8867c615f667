"""Queues in the order named: the first with work is next, whatever waits in the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.runtime.settings import Settings, SettingsError
from lapinq_core.tasks.claiming import Ask
from lapinq_worker.claiming.queue_choice import QueueChoice
from lapinq_worker.claiming.queue_settings import choice_of
from lapinq_worker.claiming.strict_order import StrictOrder
from tests.unit.lapinq_worker.claims import first, make_claim, next_turn, scanned

ORDER = ("urgent", "mail", "video")


def test_the_first_queue_with_work_gets_all_places_whatever_its_rank_until_an_earlier_one_has_work() -> None:
    choice = StrictOrder(ORDER)
    scanned(choice, {"video": -100, "mail": 7})
    assert first(choice, 9) == Ask("mail", 9, (7, 0))
    assert choice.heard("urgent")
    choice.follow_hints()
    assert next_turn(choice, 5).queue == "urgent"


@given(st.sets(st.sampled_from(ORDER), min_size=1), st.integers(1, 100))
def test_a_queue_is_served_until_it_is_empty_and_then_the_next(heads: set[str], wanted: int) -> None:
    choice = StrictOrder(ORDER)
    scanned(choice, dict.fromkeys(heads, 0))
    served = list[str]()
    for _ in range(3 * len(heads)):
        turn = next_turn(choice, wanted)
        served.append(turn.queue)
        # Two claims come back full, the third says that there is no more.
        count = wanted if served.count(turn.queue) < 3 else 0
        claims = [make_claim(rank=0, seq=n) for n in range(count)]
        choice.claimed(turn, claims, mark=(0, count - 1) if count else None, all_of_it=count > 0)
        assert choice.peek_after(turn) == {}
    assert served == [queue for queue in ORDER if queue in heads for _ in range(3)]
    assert first(choice, wanted) is None


def test_fire_and_forget_keeps_to_the_order_and_without_one_all_queues_are_open_to_it() -> None:
    choice = StrictOrder(ORDER)
    assert choice.open_to_transient == list(ORDER)
    scanned(choice, {"mail": 0, "video": 0})
    assert choice.before(next_turn(choice, 1)) == ["urgent"]
    assert choice.open_to_transient == ["urgent", "mail"]
    fair = QueueChoice({"a": 1, "b": 1})
    scanned(fair, {"b": 0})
    assert fair.before(next_turn(fair, 1)) == []
    assert fair.open_to_transient == ["a", "b"]


def test_the_settings_choose() -> None:
    strict = choice_of(Settings(worker_queues=ORDER, worker_strict_order=True))
    assert isinstance(strict, StrictOrder)
    assert strict.named == list(ORDER)
    fair = choice_of(Settings(worker_queues=("a=2", "b")))
    assert (fair.is_strict, fair.weights) == (False, {"a": 2, "b": 1})


@pytest.mark.parametrize(
    ("queues", "reason"),
    [((), "needs queues"), (("a", "b=2"), "'b=2'"), (("a=1",), "'a=1'"), (("a=x",), "LAPINQ_WORKER_QUEUES")],
)
def test_an_order_that_is_none_is_refused(queues: tuple[str, ...], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        choice_of(Settings(worker_queues=queues, worker_strict_order=True))
