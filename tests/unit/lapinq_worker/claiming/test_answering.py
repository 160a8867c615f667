"""A notice reaches and is answered by as many workers as there is work for, and by one more later."""

from collections import Counter

import pytest

from lapinq_core.db.channels import READY_CHANNEL, Notice
from lapinq_core.db.ready_notices import ALL_CHANNELS, RING, ReadyNotice, packed, read
from lapinq_core.fleet.workers import ALONE, Place
from lapinq_worker.claiming.answering import LATER_SECONDS, channels_for, pause_before_answer

FLEETS = [1, 2, 3, 10, 31, 32, 33, 40, 100]


def hears(place: Place, notice: Notice) -> bool:
    return notice.channel == READY_CHANNEL or notice.channel in channels_for(place)


def answers(workers: int, notices: list[Notice]) -> Counter[float | None]:
    """How many workers answer after each pause. None: those woken for nothing."""
    pauses = Counter[float | None]()
    for rank in range(workers):
        place = Place(rank, workers, workers)
        heard = [pause_before_answer(read(one.payload), place) for one in notices if hears(place, one)]
        given = [pause for pause in heard if pause is not None]
        if heard:
            pauses[min(given) if given else None] += 1
    return pauses


@pytest.mark.parametrize("workers", FLEETS)
@pytest.mark.parametrize("count", [1, 2, 8, 9, 39, 40, 1000])
def test_as_many_answer_at_once_as_there_are_tasks(workers: int, count: int) -> None:
    for _ in range(50):
        assert answers(workers, packed({"q": count}))[0.0] == min(workers, count)


@pytest.mark.parametrize("workers", FLEETS)
def test_of_one_task_another_worker_knows_and_few_more_wake(workers: int) -> None:
    for _ in range(50):
        given = answers(workers, packed({"q": 1}))
        assert given[LATER_SECONDS] == min(1, workers - 1)
        assert given[None] <= 2 + 2 * workers // 32


def test_a_worker_alone_hears_everything_and_answers_each_task_once() -> None:
    assert channels_for(ALONE) == ALL_CHANNELS - {READY_CHANNEL}
    for count in (1, 2, 8):
        pauses = [pause_before_answer(read(one.payload), ALONE) for one in packed({"q": count})]
        assert pauses == [*[0.0] * count, None]


def test_of_a_notice_to_all_as_many_answer_as_there_are_tasks() -> None:
    for turn in (0, 1, RING // 3, RING - 1):
        notice = ReadyNotice("q", 1, turn, is_counted=False)
        given = Counter(pause_before_answer(notice, Place(rank, 10, 10)) for rank in range(10))
        assert given == {0.0: 1, LATER_SECONDS: 1, None: 8}


def test_every_worker_has_its_turn() -> None:
    first = Counter(
        next(
            rank
            for rank in range(10)
            if pause_before_answer(ReadyNotice("q", 1, turn), Place(rank, 10, 10)) == 0.0
        )
        for turn in range(0, RING, 64)
    )
    assert set(first) == set(range(10))
    assert max(first.values()) - min(first.values()) <= 1
