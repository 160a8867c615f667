"""A notice is answered by as many workers as there is work for, and by a few more later."""

from collections import Counter

import pytest

from lapinq_core.db.ready_notices import ReadyNotice
from lapinq_core.fleet.workers import ALONE, Place
from lapinq_worker.claiming.answering import LATER_SECONDS, pause_before_answer


def answers(workers: int, count: int, turn: int) -> Counter[float | None]:
    notice = ReadyNotice("q", count, turn)
    return Counter(pause_before_answer(notice, Place(rank, workers, workers)) for rank in range(workers))


def test_a_worker_alone_answers_at_once() -> None:
    assert all(pause_before_answer(ReadyNotice("q", 1, turn), ALONE) == 0.0 for turn in range(10))


@pytest.mark.parametrize(
    ("workers", "count"), [(2, 1), (10, 1), (10, 3), (40, 1), (40, 39), (40, 40), (40, 1000)]
)
def test_as_many_answer_at_once_as_there_are_tasks_and_the_next_ones_later(workers: int, count: int) -> None:
    for turn in (0, 1, workers - 1, 65_535):
        given = answers(workers, count, turn)
        assert given[0.0] == min(workers, count)
        later = LATER_SECONDS[: max(0, workers - count)]
        assert [given[pause] for pause in later] == [1] * len(later)
        assert given[None] == max(0, workers - count - len(LATER_SECONDS))


def test_every_worker_has_its_turn() -> None:
    first = {
        next(
            rank
            for rank in range(10)
            if pause_before_answer(ReadyNotice("q", 1, turn), Place(rank, 10, 10)) == 0.0
        )
        for turn in range(10)
    }
    assert first == set(range(10))
