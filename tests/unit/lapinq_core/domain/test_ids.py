"""Ids are UUIDv7 in strictly ascending order, whoever makes them."""

import threading
import time
import uuid

import pytest

from lapinq_core.domain import ids
from lapinq_core.domain.ids import id_at, is_of_workflow, new_id, new_ids


def milliseconds_in(value: str) -> int:
    return uuid.UUID(value).int >> 80


@pytest.mark.parametrize("version", [7, 8])
def test_an_id_is_a_uuid_whose_version_tells_of_a_workflow_with_a_random_part(version: int) -> None:
    made = new_ids(1000, version)
    for value in made:
        parsed = uuid.UUID(value)
        assert (str(parsed), parsed.version, parsed.variant) == (value, version, uuid.RFC_4122)
        assert is_of_workflow(value) == (version == 8)
    assert made == sorted(made)
    assert len({value[-16:] for value in made}) == 1000
    assert new_ids(0) == []


def test_the_time_inside_is_the_time_it_was_made_and_borders_lie_between_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    value = new_id()
    after = time.time_ns() // 1_000_000
    then = milliseconds_in(value)
    # Ids made before this one in the same instant may have run a little ahead of the clock.
    assert before <= then <= after + 1
    assert id_at(then) <= uuid.UUID(value) < id_at(then + 1)


def test_ids_ascend_while_the_clock_stands_still_or_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_id()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 0)
    assert first < new_id() < new_id()


def test_many_threads_never_make_the_same_id_nor_step_back() -> None:
    made: list[list[str]] = [[] for _ in range(8)]
    start = threading.Barrier(len(made))

    def make(mine: list[str]) -> None:
        start.wait()
        for _ in range(200):
            mine.append(new_id())
            mine += new_ids(5)

    threads = [threading.Thread(target=make, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in made)
    everything = [value for mine in made for value in mine]
    assert len(set(everything)) == len(everything) == 8 * 200 * 6
