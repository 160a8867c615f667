"""The latest lines that an attempt logged, within bounds."""

import re
from collections import deque

from lapinq_core.runtime.threads import any_thread

MAX_LINES = 1_000
MAX_CHARACTERS = 64 * 1024
MAX_LINE = 4_000


class AttemptLog:
    """The lines of one attempt."""

    __slots__ = ("_characters", "_left_out", "_lines")

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._characters = 0
        self._left_out = 0

    @any_thread
    def add(self, line: str) -> None:
        """Adds a line. The oldest lines go when there are too many."""
        if len(line) > MAX_LINE:
            line = f"{line[:MAX_LINE]} …"
        self._lines.append(line)
        self._characters += len(line) + 1
        while len(self._lines) > MAX_LINES or self._characters > MAX_CHARACTERS:
            self._characters -= len(self._lines.popleft()) + 1
            self._left_out += 1

    def text(self) -> str:
        """All lines, and how many are missing before them, in a form that PostgreSQL can store."""
        lines = list(self._lines)
        if self._left_out:
            lines.insert(0, _left_out(self._left_out))
        return "\n".join(lines).replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def latest(text: str, most: int) -> str:
    """The end of a log in at most `most` characters, in whole lines with their continuation, after how many are
    missing before them."""
    if len(text) <= most:
        return text
    tail = text[-(most - _MARK_LENGTH) :]
    begin = _LINE.search(tail, 1)
    kept = tail[begin.start() :] if begin else tail
    dropped = text[: len(text) - len(kept)]
    earlier = _MARK.match(dropped)
    missing = len(_LINE.findall(dropped)) + (int(earlier[1]) if earlier else 0)
    return f"{_left_out(missing)}\n{kept}"


def _left_out(number: int) -> str:
    return f"… {number} earlier lines left out …"


_MARK = re.compile(r"… (\d+) earlier lines left out …")
_MARK_LENGTH = 60
_LINE = re.compile(r"^\d{4}-\d\d-\d\dT", re.MULTILINE)
"""The first of a logged line. It may hold line feeds."""
