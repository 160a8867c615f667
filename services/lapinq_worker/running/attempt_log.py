"""The latest lines that an attempt logged, within bounds."""

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
            lines.insert(0, f"… {self._left_out} earlier lines left out …")
        return "\n".join(lines).replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
