"""A notice reaches and is answered by as many workers as there is work for, and by one more later."""

from collections import Counter

import pytest

from lapinq_core.db.notify.channels import READY_CHANNEL, Notice
from lapinq_core.db.notify.ready_notices import ALL_CHANNELS, RING, ReadyNotice, packed, read
from lapinq_core.fleet.workers import ALONE, Place
from lapinq_worker.claiming.answering import LATER_SECONDS, channels_for, pause_before_answer

FLEETS = [1, 2, 3, 10, 31, 32, 33, 100]
ROUNDS = 10
"""A notice begins anywhere on the ring, at random."""


def answers(workers: int, notices: list[Notice]) -> Counter[float | None]:
    """How many workers answer after each pause. None: those woken for nothing."""
    pauses = Counter[float | None]()
    told = [(one.channel, read(one.payload)) for one in notices]
    for rank in range(workers):
        place = Place(rank, workers, workers)
        channels = channels_for(place) | {READY_CHANNEL}
        heard = [pause_before_answer(notice, place) for channel, notice in told if channel in channels]
        if heard:
            pauses[min((pause for pause in heard if pause is not None), default=None)] += 1
    return pauses


@pytest.mark.parametrize("workers", FLEETS)
def test_as_many_answer_at_once_as_there_are_tasks_and_of_one_task_another_knows(workers: int) -> None:
    for _ in range(ROUNDS):
        for count in (1, 2, 8, 9, 39, 40, 1000):
            assert answers(workers, packed({"q": count}))[0.0] == min(workers, count), count
        given = answers(workers, packed({"q": 1}))
        assert given[LATER_SECONDS] == min(1, workers - 1)
        assert given[None] <= 2 + 2 * workers // 32, "few more wake"


def test_a_worker_alone_hears_everything_and_answers_each_task_once() -> None:
    assert channels_for(ALONE) == ALL_CHANNELS - {READY_CHANNEL}
    for count in (1, 2, 8):
        pauses = [pause_before_answer(read(one.payload), ALONE) for one in packed({"q": count})]
        assert pauses == [*[0.0] * count, None]


def test_of_a_notice_to_all_as_many_answer_as_there_are_tasks_and_every_worker_has_its_turn() -> None:
    first = Counter[int]()
    for turn in range(0, RING, 64):
        notice = ReadyNotice("q", 1, turn, is_counted=False)
        pauses = [pause_before_answer(notice, Place(rank, 10, 10)) for rank in range(10)]
        assert Counter(pauses) == {0.0: 1, LATER_SECONDS: 1, None: 8}
        first[pauses.index(0.0)] += 1
    assert set(first) == set(range(10))
    assert max(first.values()) - min(first.values()) <= 1
