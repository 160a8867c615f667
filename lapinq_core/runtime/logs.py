"""Logs to standard error, one line per record: plain text for people or JSON for machines."""

import asyncio
import logging
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from select import PIPE_BUF
from types import FunctionType
from typing import TextIO
from weakref import WeakSet

import msgspec
from msgspec import UNSET, UnsetType

from lapinq_core.domain.log_time import log_time
from lapinq_core.domain.tasks.diagnostics.task_filter import TaskFilter
from lapinq_core.domain.tasks.diagnostics.task_lines import IN_THE_TEXT, TASKS, Subject

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


def line_handler(log: logging.Logger, level: int) -> "LineHandler | None":
    """The handler that writes what `log` logs at `level`. None if anybody else sees, changes or drops these records."""
    if not log.isEnabledFor(level) or log.filters or not _is_standard(log):
        return None
    handlers = log.handlers[:]
    while log.propagate and log.parent is not None:
        log = log.parent
        handlers += log.handlers
    match handlers:
        case [LineHandler(is_as_made=True) as handler] if handler.level <= level:
            return handler
        case _:
            return None


def _is_standard(log: logging.Logger) -> bool:
    """Whether records are made and handed on as usual. Tracers replace that, to see them or to add fields."""
    return (
        type(log) is logging.Logger
        and logging.getLogRecordFactory() is logging.LogRecord
        and all(
            isinstance(method, FunctionType) and method.__globals__ is logging.__dict__
            for method in (logging.Logger.makeRecord, logging.Logger.handle, logging.Logger.callHandlers)
        )
    )


def _line_handler(level: str, *, as_json: bool) -> "LineHandler":
    handler = LineHandler(sys.stderr, as_json=as_json)
    # Some loggers take more than is written here: a task's logger keeps every line with its attempt.
    handler.setLevel(level.upper())
    return handler


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes each record as it comes, and lines that may wait together, all in the order in which they came."""

    def __init__(self, stream: TextIO, *, as_json: bool = False) -> None:
        super().__init__(stream)
        self._own_formatter = _JsonFormatter() if as_json else _PlainFormatter()
        self._own_filter = TaskFilter()
        self._waiting: list[str] = []
        self._flushing: asyncio.AbstractEventLoop | None = None  # which will write them
        self.setFormatter(self._own_formatter)
        self.addFilter(self._own_filter)
        _handlers.add(self)

    @property
    def is_as_made(self) -> bool:
        """Whether nobody has given it another formatter or other filters."""
        return self.formatter is self._own_formatter and self.filters == [self._own_filter]

    def completed(self, subject: Subject, seconds: float) -> None:
        """Writes soon what `log_completed` logs with `TASKS`, but without a record, which takes five times as long."""
        self.write_soon(self._own_formatter.completed(subject, seconds))

    def write_soon(self, line: str) -> None:
        """Writes it with others in the next turn of the running event loop, or before the next record or in `flush`.

        Without a loop it is written at once.
        """
        self._waiting.append(f"{line}\n")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if loop is not self._flushing:  # another may have ended, or be busy
            self._flushing = loop
            loop.call_soon(self.flush)

    def emit(self, record: logging.LogRecord) -> None:
        if self._waiting:
            self.flush()
        super().emit(record)

    def forget(self) -> None:
        """Drops the lines that wait."""
        self._waiting.clear()
        self._flushing = None

    def flush(self) -> None:
        """Writes the lines that wait, with one system call if a pipe takes them at once. Other threads wait."""
        self.acquire()
        try:
            self._flushing = None
            waiting = self._waiting[:]
            del self._waiting[: len(waiting)]
            for piece in _pieces(waiting):
                self.stream.write(piece)
            super().flush()
        except (OSError, ValueError):  # standard error is gone, as logging ignores it for a single line
            pass
        finally:
            self.release()


_handlers = WeakSet[LineHandler]()


def _forget_waiting() -> None:
    """In the child of a fork: the original writes its lines."""
    for handler in _handlers:
        handler.forget()


os.register_at_fork(after_in_child=_forget_waiting)


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """The lines in pieces that a pipe takes whole: other processes may write to it, too."""
    piece, size = list[str](), 0
    for line in lines:
        more = len(line if line.isascii() else line.encode(errors="backslashreplace"))
        if piece and size + more > PIPE_BUF:
            yield "".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += more
    if piece:
        yield "".join(piece)


class _PlainFormatter(logging.Formatter):
    """A line, with further lines indented, so that no message or exception can look like a record."""

    def format(self, record: logging.LogRecord) -> str:
        told = IN_THE_TEXT if record.name == TASKS.name else ()
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items() if name not in told)
        line = f"{log_time(record.created)} {record.levelname:<7} {record.name}: {record.getMessage()}{extra}"
        if stack := _stack(self, record):
            line += f"\n{stack}"
        return _escape(line)

    def completed(self, subject: Subject, seconds: float) -> str:
        """The line of `log_completed`."""
        start, end = _around_completion(
            subject.module_path, subject.task_name, subject.queue_name, subject.attempt
        )
        task_id = f" task_id={subject.id}" if subject.id else ""
        line = f"{log_time(time.time())}{start}{seconds:.3f} s{task_id}{end}"
        return line if subject.request_id is None else line + _escape(f" request_id={subject.request_id}")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": log_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if stack := _stack(self, record):
            line["traceback"] = stack
        return msgspec.json.encode(line, enc_hook=str).decode()

    def completed(self, subject: Subject, seconds: float) -> str:
        """The line of `log_completed`."""
        line = _Completion(
            time=log_time(time.time()),
            message=f"{subject.module_path}.{subject.task_name} completed in {seconds:.3f} s",
            task_id=subject.id or UNSET,
            task_name=subject.task_name,
            queue=subject.queue_name,
            attempt=subject.attempt,
            request_id=UNSET if subject.request_id is None else subject.request_id,
            seconds=round(seconds, 6),
        )
        return msgspec.json.encode(line).decode()


class _Completion(msgspec.Struct, kw_only=True):
    """Half the time of a dict."""

    time: str
    level: str = "info"
    logger: str = TASKS.name
    message: str
    task_id: str | UnsetType
    task_name: str
    queue: str
    attempt: int
    request_id: str | UnsetType
    seconds: float
    outcome: str = "completed"


@lru_cache(maxsize=1000)
def _around_completion(module_path: str, task_name: str, queue_name: str, attempt: int) -> tuple[str, str]:
    """What the lines on a task's completions have in common."""
    start = f" INFO    {TASKS.name}: {module_path}.{task_name} completed in "
    return _escape(start), _escape(f" queue={queue_name} attempt={attempt}")


def _stack(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    """The traceback. That of another process comes as text."""
    return formatter.formatException(record.exc_info) if record.exc_info else record.exc_text


def _extra(record: logging.LogRecord) -> dict[str, object]:
    added = islice(vars(record).items(), _AT_FIRST, None)  # the fields that every record has come first
    return {name: value for name, value in added if name not in _STANDARD}


def _escape(line: str) -> str:
    if line.isprintable():  # as most are: a quarter of the time for the rest
        return line
    return _NO_TEXT.sub(_escaped, line).rstrip("\n").replace("\n", "\n    ")


def _escaped(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]
