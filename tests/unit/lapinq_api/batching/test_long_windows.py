"""Figures are read once for many looks, those of a long window for longer."""

from collections.abc import Awaitable, Callable
from typing import cast

import psycopg
import pytest

from lapinq_api.batching import long_windows
from lapinq_api.batching.long_windows import LongWindows
from lapinq_core.domain.figures import Window

CONN = cast("psycopg.AsyncConnection", None)

Read = Callable[[psycopg.AsyncConnection, Window, str], Awaitable[int]]


def reader() -> tuple[list[tuple[Window, str]], Read]:
    asked: list[tuple[Window, str]] = []

    async def read(conn: psycopg.AsyncConnection, window: Window, queue: str) -> int:
        del conn
        asked.append((window, queue))
        return len(asked)

    return asked, read


async def looks(windows: LongWindows, read: Read, *wanted: tuple[Window, str]) -> list[int]:
    return [await windows.read(read, CONN, window, queue) for window, queue in wanted]


async def test_each_is_read_once_until_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(long_windows.time, "monotonic", lambda: now)
    windows, wanted = LongWindows(), [(Window.WEEK, "a"), (Window.HOUR, "a")]
    _, read = reader()
    for passed, seen in ((0, [1, 2]), (0.9, [1, 2]), (2.1, [1, 3]), (29, [1, 4]), (60.1, [5, 6])):
        now = 1000.0 + passed
        assert await looks(windows, read, *wanted) == seen


async def test_after_a_change_what_is_kept_briefly_is_read_again() -> None:
    windows = LongWindows()
    wanted = [(Window.WEEK, "a"), (Window.HOUR, "a")]
    asked, read = reader()
    assert await looks(windows, read, *wanted) == [1, 2]
    windows.forget_brief()
    assert await looks(windows, read, *wanted) == [1, 3]

    async def overtaken(conn: psycopg.AsyncConnection, window: Window, queue: str) -> int:
        windows.forget_brief()  # somebody changes it meanwhile
        return await read(conn, window, queue)

    del asked[:]
    assert await looks(windows, overtaken, *wanted, *wanted) == [1, 2, 1, 3]


async def test_each_window_and_queue_and_question_has_its_own() -> None:
    asked, read = reader()
    other_asked, other = reader()
    windows = LongWindows()
    wanted = [(Window.WEEK, "a"), (Window.WEEK, "b"), (Window.DAY, "a")]
    assert await looks(windows, read, *wanted, *wanted) == [1, 2, 3, 1, 2, 3]
    assert await looks(windows, other, *wanted) == [1, 2, 3]
    assert asked == other_asked == wanted


async def test_nothing_is_not_kept() -> None:
    asked, read = reader()

    async def counted(conn: psycopg.AsyncConnection, queue: str) -> int:
        return await read(conn, Window.HOUR, queue) // 2

    windows = LongWindows()
    assert [await windows.hold(60, counted, CONN, "a") for _ in range(3)] == [0, 1, 1]
    assert len(asked) == 2


async def test_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_windows, "MAX_KEPT", 2)
    wanted = [(Window.WEEK, queue) for queue in ("a", "b", "c", "b", "a")]
    assert await looks(LongWindows(), reader()[1], *wanted) == [1, 2, 3, 2, 4]
