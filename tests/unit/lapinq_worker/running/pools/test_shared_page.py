"""The page that worker and child share: words name calls, and a reader never takes a torn word for a whole one."""

import os
import threading
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_worker.running.pools.child_side.shared_page import SharedPage, make_page_file


def make_pages() -> tuple[SharedPage, SharedPage]:
    fd = make_page_file()
    try:
        return SharedPage(fd), SharedPage(fd)
    finally:
        os.close(fd)


@pytest.fixture
def sides() -> Generator[tuple[SharedPage, SharedPage]]:
    """The worker's mapping and the child's."""
    worker, child = make_pages()
    yield worker, child
    worker.close()
    child.close()


Sides = tuple[SharedPage, SharedPage]


@given(st.integers(0, 100), st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=1000))
def test_progress_is_read_as_it_was_written(percent: int, message: str | None) -> None:
    worker, child = make_pages()
    child.report_progress(7, percent, message)
    progress = worker.progress((0, 0))
    assert progress is not None
    assert progress[:3] == (7, percent, message)
    assert worker.progress(progress.mark) is None


def test_the_longest_message_fits(sides: Sides) -> None:
    worker, child = sides
    child.report_progress(1, 1, "\U0001f430" * 1000)
    child.report_progress(2**40, 2, "\U0001f407" * 1000)
    progress = worker.progress((0, 0))
    assert progress is not None
    assert progress[:3] == (2**40, 2, "\U0001f407" * 1000)


def test_nothing_is_read_before_anything_was_said(sides: Sides) -> None:
    assert sides[0].progress((0, 0)) is None


def test_a_writer_that_dies_in_the_middle_leaves_what_it_said_before(sides: Sides) -> None:
    worker, child = sides
    for percent in range(5):
        child.report_progress(3, percent, "whole")
        version = child._words[4]  # pyright: ignore[reportPrivateUsage]
        child.report_progress(3, 99, "half")
        child._words[4] = version  # pyright: ignore[reportPrivateUsage]
        progress = worker.progress((0, 0))
        assert progress is not None
        assert progress[:3] == (3, percent, "whole")


def test_a_slot_that_is_written_meanwhile_is_not_taken_for_whole(sides: Sides) -> None:
    worker, child = sides
    child.report_progress(3, 50, "whole")
    start = 2 * 4096  # the slot of version 1
    child._map[start + 40 : start + 42] = b"??"  # pyright: ignore[reportPrivateUsage]
    assert worker.progress((0, 0)) is not None
    child._map[start + 33 : start + 35] = b"??"  # pyright: ignore[reportPrivateUsage]
    assert worker.progress((0, 0)) is None


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
        read = 0
        while read < 2000:
            progress = worker.progress((0, 0))
            if progress is not None:
                read += 1
                assert progress.call == progress.percent
                assert progress.message == str(progress.percent) * 200
    finally:
        ending.set()
        writer.join()


def test_words_name_one_call(sides: Sides) -> None:
    worker, child = sides
    assert child.begin(5, 2_000_000_000)
    assert (worker.running, worker.started) == (5, 2.0)
    worker.expire(5)
    worker.cancel(5)
    worker.lose(5)
    child.tell(5)
    child.commit(5)
    assert child.is_late(5)
    assert child.is_cancelled(5)
    assert child.is_lost(5)
    assert worker.is_told(5)
    assert worker.is_committed(5)
    assert child.begin(6, 1)
    assert not any(said(6) for said in (child.is_late, child.is_cancelled, child.is_lost))
    assert not any(said(6) for said in (worker.is_told, worker.is_committed))
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
