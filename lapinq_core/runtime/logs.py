"""Logs to standard error, one line per record: plain text for people or JSON for machines."""

import logging
import re
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from io import StringIO
from itertools import islice
from select import PIPE_BUF
from typing import TextIO

import msgspec

from lapinq_core.domain.log_time import log_time
from lapinq_core.domain.tasks.task_filter import TaskFilter
from lapinq_core.domain.tasks.task_lines import IN_THE_TEXT, TASKS

_AT_FIRST = len(vars(logging.makeLogRecord({})))
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_CHATTY = ("alembic", "psycopg", "uvicorn", "httpx")
"""Libraries whose info level matters only for debugging."""

_OWN = ("lapinq", "lapinq_api", "lapinq_core", "lapinq_scheduler", "lapinq_worker")

_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""All control characters but tab and newline: terminals obey them, or readers take them for the end of a line."""


def configure_logging(level: str, *, as_json: bool) -> None:
    """Sets up the root logger. `level` is the least severe to write: debug, info, warning or error.

    Values in `extra` become fields of the JSON object, or `name=value` at the end of the plain line. What a task's code
    logs has its id and name among them.
    """
    handler = _line_handler(level, as_json=as_json)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Their info level is for their own developers.
    for chatty in ("alembic", "httpx", "psycopg.pool"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    for library in _CHATTY:
        logging.getLogger(library).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)
    if level == "debug":
        # These would log secrets: headers and frames of WebSockets, and called addresses.
        logging.getLogger("uvicorn").setLevel(logging.INFO)
        logging.getLogger("httpx").setLevel(logging.WARNING)


def configure_own_loggers(level: str, *, as_json: bool) -> None:
    """Lets lapinq write its log in a program that has configured none, and leaves everything else alone.

    Loggers that have a handler, of their own or of the root logger, stay as they are: the program decides.
    """
    handler = _line_handler(level, as_json=as_json)
    for name in _OWN:
        logger = logging.getLogger(name)
        if not logger.hasHandlers():
            logger.addHandler(handler)
            logger.setLevel(level.upper())


def _line_handler(level: str, *, as_json: bool) -> "LineHandler":
    handler = LineHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if as_json else _PlainFormatter())
    handler.addFilter(TaskFilter())
    # Some loggers take more than is written here: a task's logger keeps every line with its attempt.
    handler.setLevel(level.upper())
    return handler


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes each record as it comes, those of a `joined` block together."""

    @contextmanager
    def joined(self) -> Generator[None]:
        """Writes the lines of the block together when it ends, with one system call. Other threads wait."""
        self.acquire()
        stream, lines = self.stream, _Lines()
        self.stream = lines
        try:
            yield
        finally:
            self.stream = stream
            try:
                for piece in lines.pieces():
                    stream.write(piece)
                self.flush()
            except (OSError, ValueError):  # standard error is gone, as logging ignores it for a single line
                pass
            self.release()


def only_handler() -> LineHandler | None:
    """The handler of `configure_logging`, while it is the root logger's only one."""
    match logging.getLogger().handlers:
        case [LineHandler() as handler]:
            return handler
        case _:
            return None


class _Lines(StringIO):
    """Keeps lines, and parts them into pieces that a pipe takes whole: other processes may write to it, too."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def write(self, line: str, /) -> int:
        self._lines.append(line)
        return len(line)

    def pieces(self) -> Iterator[str]:
        piece, size = list[str](), 0
        for line in self._lines:
            more = len(line.encode(errors="backslashreplace"))
            if piece and size + more > PIPE_BUF:
                yield "".join(piece)
                piece, size = [], 0
            piece.append(line)
            size += more
        yield "".join(piece)


class _PlainFormatter(logging.Formatter):
    """A line, with further lines indented, so that no message or exception can look like a record."""

    def format(self, record: logging.LogRecord) -> str:
        told = IN_THE_TEXT if record.name == TASKS.name else ()
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items() if name not in told)
        line = f"{log_time(record)} {record.levelname:<7} {record.name}: {record.getMessage()}{extra}"
        if stack := _stack(self, record):
            line += f"\n{stack}"
        if line.isprintable():  # as most are: a quarter of the time for the rest
            return line
        return _NO_TEXT.sub(_escaped, line).rstrip("\n").replace("\n", "\n    ")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": log_time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if stack := _stack(self, record):
            line["traceback"] = stack
        return msgspec.json.encode(line, enc_hook=str).decode()


def _stack(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    """The traceback. That of another process comes as text."""
    return formatter.formatException(record.exc_info) if record.exc_info else record.exc_text


def _extra(record: logging.LogRecord) -> dict[str, object]:
    added = islice(vars(record).items(), _AT_FIRST, None)  # the fields that every record has come first
    return {name: value for name, value in added if name not in _STANDARD}


def _escaped(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]
