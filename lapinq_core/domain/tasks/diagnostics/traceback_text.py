"""Parses the text of a Python traceback into frames, to show the user's code first.

The text was written by `traceback`, in the worker or on another machine, and may be truncated. Text that does not look
like a traceback yields no traces and should be shown as it is.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec


class Owner(StrEnum):
    """Whose code a frame runs."""

    USER = "user"
    LIBRARY = "library"
    LAPINQ = "lapinq"
    PYTHON = "python"


class Link(StrEnum):
    """How an exception relates to the previous one."""

    CAUSE = "cause"
    CONTEXT = "context"


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the code. `function` is None if the text names none; `source` includes the marker lines."""

    file: str
    line: int
    function: str | None
    source: str
    owner: Owner


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """An exception and its frames, outermost first.

    `link` says how it follows from the previous one; `depth` is the number of exception groups around it, and `number`
    its position in the innermost one, from 1. `error` is its type and message, possibly several lines.
    """

    frames: tuple[Frame, ...]
    error: str
    link: Link | None = None
    depth: int = 0
    number: int | None = None


def read_traceback(text: str) -> tuple[Trace, ...]:
    """The exceptions in text order; none if there is no frame."""
    traces = tuple(_traces(_lines(text)))
    return traces if any(trace.frames for trace in traces) else ()


def own_frame(text: str) -> str | None:
    """The innermost frame of the user's code in the last exception that has one: place and source, in two lines."""
    for trace in reversed(read_traceback(text)):
        for frame in reversed(trace.frames):
            if frame.owner is Owner.USER:
                place = f"{frame.file}:{frame.line}" + (f" in {frame.function}" if frame.function else "")
                return f"{place}\n{frame.source.split(chr(10), 1)[0].strip()}".strip()
    return None


def owner_of(file: str) -> Owner:
    """Whose code a file is, by its path."""
    path = file.replace("\\", "/")
    if _LAPINQ.search(path):
        return Owner.LAPINQ
    if _LIBRARY.search(path):
        return Owner.LIBRARY
    return Owner.PYTHON if _PYTHON.search(path) else Owner.USER


class _Line(msgspec.Struct):
    """A line without the margin of its exception group; `number` if it starts a member of one."""

    depth: int
    text: str
    number: int | None = None
    ends_member: bool = False


def _lines(text: str) -> Iterator[_Line]:
    if not _GROUP.search(text):
        yield from (_Line(0, line) for line in text.split("\n"))
        return
    for line in text.split("\n"):
        if match := _BEGINS_MEMBER.fullmatch(line):
            yield _Line(len(match[1]) // 2 - (not match[2]), "", _number(match[3]))
        elif match := _ENDS_MEMBERS.fullmatch(line):
            yield _Line(len(match[1]) // 2 - 1, "", ends_member=True)
        elif match := _MARGIN.match(line):
            yield _Line(len(match[1]) // 2 - 1, line[match.end() :])
        else:
            yield _Line(0, line)


def _number(text: str) -> int:
    return int(text) if text != "..." else 0  # the rest, which is only counted


def _traces(lines: Iterable[_Line]) -> Iterator[Trace]:
    reader = _Reader()
    for line in lines:
        if trace := reader.take(line):
            yield trace
    if trace := reader.end():
        yield trace


class _Reader:
    """Takes one line after another; returns a trace once the line after it has arrived."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self, depth: int = 0, number: int | None = None, link: Link | None = None) -> None:
        self._depth = depth
        self._number = number
        self._link = link
        self._frames: list[Frame] = []
        self._error: list[str] = []
        self._is_cut = False
        self._source: list[str] = []
        self._place: tuple[str, int, str | None] | None = None

    def take(self, line: _Line) -> Trace | None:
        text = line.text
        if line.number is not None:
            return self._next(line.depth, line.number)
        if line.ends_member:
            return self._next(line.depth - 1)
        if link := _LINKS.get(text.strip()):
            return self._next(line.depth, self._number, link)
        if _HEADER.fullmatch(text):
            if self._frames or self._error:
                return self._next(line.depth, self._number)
            self._depth = max(self._depth, line.depth)
        elif (place := _PLACE.fullmatch(text)) and (not self._error or self._is_cut):
            self._error, self._is_cut = [], False
            self._close()
            self._place = (place[1], int(place[2]), place[3])
        elif self._place is not None and text.startswith("    "):
            self._source.append(text[4:])
        elif self._place is not None and _REPEATED.fullmatch(text):
            self._source.append(text.strip())
        elif text.strip() or self._error:
            # After a cut it may be the rest of a line of the source, which the next frame shows.
            self._is_cut = self._is_cut or _LEFT_OUT.fullmatch(text) is not None
            self._close()
            self._error.append(text)
        return None

    def end(self) -> Trace | None:
        """The trace so far; None if it is empty."""
        self._close()
        error = "\n".join(self._error).strip("\n")
        if not (self._frames or error):
            return None
        return Trace(
            frames=tuple(self._frames), error=error, link=self._link, depth=self._depth, number=self._number
        )

    def _next(self, depth: int, number: int | None = None, link: Link | None = None) -> Trace | None:
        trace = self.end()
        # One that links to nothing is the first of its kind, as in a text that begins in the middle.
        self._begin(depth, number, link)
        return trace

    def _close(self) -> None:
        """Ends the current frame."""
        if self._place is not None:
            file, line, function = self._place
            self._frames.append(
                Frame(
                    file=file,
                    line=line,
                    function=function,
                    source="\n".join(self._source),
                    owner=owner_of(file),
                )
            )
        self._place, self._source = None, []


_GROUP = re.compile(r"^\s*\+ Exception Group Traceback", re.MULTILINE)
_HEADER = re.compile(r"\s*((?:\+ )?Exception Group )?Traceback \(most recent call last\):")
_PLACE = re.compile(r'  File "(.+)", line (\d{1,9})(?:, in (.+))?')
_REPEATED = re.compile(r"  \[Previous line repeated \d+ more times?\]")
_LEFT_OUT = re.compile(r"… \d+ characters left out …")
_MARGIN = re.compile(r"((?:  )+)(?:\| |\|$|(?=\+ Exception Group Traceback))")
_BEGINS_MEMBER = re.compile(r"((?:  )+)\+(-\+)?-{16,} (\d{1,9}|\.\.\.) -{16,}")
_ENDS_MEMBERS = re.compile(r"((?:  )+)\+-{20,}")
_LINKS = {
    "The above exception was the direct cause of the following exception:": Link.CAUSE,
    "During handling of the above exception, another exception occurred:": Link.CONTEXT,
}
_LAPINQ = re.compile(r"/(lapinq_(core|worker|scheduler|api|migrations)/|(site|dist)-packages/lapinq/)")
_LIBRARY = re.compile(r"/(site|dist)-packages/|\.egg/")
_PYTHON = re.compile(
    r"^<frozen |/lib(64)?/python3[^/]*/|/[Ll]ib/(asyncio|concurrent|importlib)/|/Python3\d+/[Ll]ib/"
)
