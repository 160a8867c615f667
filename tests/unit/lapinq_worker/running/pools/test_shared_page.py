"""The page that worker and child share: words name calls, and a reader never takes a torn word for a whole one."""

import os
import threading
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_worker.running.pools.child_side.shared_page import SharedPage, make_page_file

Sides = tuple[SharedPage, SharedPage]


def make_pages() -> Sides:
    fd = make_page_file()
    try:
        return SharedPage(fd), SharedPage(fd)
    finally:
        os.close(fd)


@pytest.fixture
def sides() -> Generator[Sides]:
    """The worker's mapping and the child's."""
    worker, child = make_pages()
    yield worker, child
    worker.close()
    child.close()


def read(worker: SharedPage) -> tuple[int, int, str | None] | None:
    """What was said last: the call, the percentage and the message."""
    progress = worker.progress((0, 0))
    return progress and progress[:3]


@given(st.integers(0, 100), st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=1000))
def test_progress_is_read_once_as_it_was_written(percent: int, message: str | None) -> None:
    worker, child = make_pages()
    assert read(worker) is None
    child.report_progress(7, percent, message)
    progress = worker.progress((0, 0))
    assert progress is not None
    assert progress[:3] == (7, percent, message)
    assert worker.progress(progress.mark) is None


def test_the_longest_message_fits(sides: Sides) -> None:
    worker, child = sides
    child.report_progress(1, 1, "\U0001f430" * 1000)
    child.report_progress(2**40, 2, "\U0001f407" * 1000)
    assert read(worker) == (2**40, 2, "\U0001f407" * 1000)


def test_a_writer_that_dies_in_the_middle_leaves_what_it_said_before(sides: Sides) -> None:
    worker, child = sides
    for percent in range(5):
        child.report_progress(3, percent, "whole")
        version = child._words[4]  # pyright: ignore[reportPrivateUsage]
        child.report_progress(3, 99, "half")
        child._words[4] = version  # pyright: ignore[reportPrivateUsage]
        assert read(worker) == (3, percent, "whole")


def test_a_slot_that_is_written_meanwhile_is_not_taken_for_whole(sides: Sides) -> None:
    worker, child = sides
    child.report_progress(3, 50, "whole")
    start = 2 * 4096  # the slot of version 1
    child._map[start + 40 : start + 42] = b"??"  # pyright: ignore[reportPrivateUsage]
    assert read(worker) is not None
    child._map[start + 33 : start + 35] = b"??"  # pyright: ignore[reportPrivateUsage]
    assert read(worker) is None


def test_what_is_read_while_it_is_written_is_whole(sides: Sides) -> None:
    worker, child = sides
    ending = threading.Event()

    def write() -> None:
        number = 0
        while not ending.is_set():
            number = (number + 1) % 101
            child.report_progress(number, number, str(number) * 200)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        count = 0
        while count < 1000:
            if (progress := read(worker)) is not None:
                count += 1
                call, percent, message = progress
                assert call == percent
                assert message == str(percent) * 200
    finally:
        ending.set()
        writer.join()


def test_words_name_one_call(sides: Sides) -> None:
    worker, child = sides
    assert child.begin(5, 2_000_000_000)
    assert (worker.running, worker.started) == (5, 2.0)
    for say in (worker.expire, worker.cancel, worker.lose, child.tell, child.commit):
        say(5)
    said = (child.is_late, child.is_cancelled, child.is_lost, worker.is_told, worker.is_committed)
    assert all(each(5) for each in said)
    assert child.begin(6, 1)
    assert not any(each(6) for each in said)
    worker.lose(0)
    assert not child.is_lost(5)


def test_a_call_that_is_to_be_skipped_does_not_begin(sides: Sides) -> None:
    worker, child = sides
    assert child.begin(1, 1)
    worker.skip(1)  # too late, and of no effect on the one 64 later
    worker.passed(1)
    worker.skip(3)
    worker.skip(4)
    assert child.begin(2, 1)
    assert not child.begin(3, 1)
    assert not child.begin(4, 1)
    assert worker.running == 2
    for call in (2, 3, 4):
        worker.passed(call)
    assert all(child.begin(call, 1) for call in range(5, 140))
