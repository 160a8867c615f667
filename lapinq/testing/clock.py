"""`travel`: time passes for lapinq, without anybody waiting. Python's own clock stays."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lapinq.errors import LapinqError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_travellers: list[Callable[[float], None]] = []


def travel(seconds: float) -> None:
    """Let `seconds` pass: delayed tasks that fall due run inline, or are ready for the next `drain`.

    Raises ValueError for less than 0 seconds, and LapinqError if nothing is active that follows.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]  # user code
        raise TypeError(f"travel() takes a number of seconds, not {seconds!r}")
    if not seconds >= 0:
        raise ValueError(f"time passes forward only, so travel() takes 0 seconds or more, not {seconds}")
    if not _travellers:
        raise LapinqError(
            "travel() moves the clock of inline() and of a test database, and neither is active"
        )
    for follow in _travellers:
        follow(seconds)


@contextlib.contextmanager
def travelling(follow: Callable[[float], None]) -> Generator[None]:
    """Call `follow` whenever somebody travels."""
    _travellers.append(follow)
    try:
        yield
    finally:
        _travellers.remove(follow)
