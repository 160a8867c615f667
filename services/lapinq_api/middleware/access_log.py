"""Logs a line per request: method, path, status, duration, request id, caller. Never the query string or a header."""

import logging
import time
from threading import local

from starlette.types import Scope

from lapinq_api.credentials.caller import ACTOR_KEY
from lapinq_api.wire.headers import REQUEST_ID_KEY
from lapinq_api.wire.path import route_path
from lapinq_core.domain.accounts.account import Actor, ActorKind
from lapinq_core.runtime.logs import line_handler

log = logging.getLogger(__name__)

_QUIET = ("/health", "/livez", "/readyz", "/metrics", "/fragments/", "/static/")
_MAX_PATH = 300
_FORMAT = "%s %s %d %.1f ms"


class _FirstRecords(local):
    """Of each thread. Not by its number, which the next thread gets."""

    def __init__(self) -> None:
        self.by_level: dict[int, logging.LogRecord] = {}


_first_records = _FirstRecords()


class AccessLog:
    """Called by `Timing` for each request. Logs at level info; requests that programs repeat, at level debug.

    A busy server ends many requests in a turn of the loop, and writes their lines together. Where a program has
    handlers of its own, each line goes to them at once, in the context of its request.
    """

    def __call__(self, scope: Scope, status: int, seconds: float) -> None:
        level = logging.DEBUG if route_path(scope).startswith(_QUIET) else logging.INFO
        if not log.isEnabledFor(level):
            return
        # As sent: the decoded path could contain a line break.
        path = scope.get("raw_path", b"")[:_MAX_PATH].decode("latin-1") or ascii(scope["path"])
        extra: dict[str, object] = {"request_id": scope.get(REQUEST_ID_KEY)}
        actor: Actor | None = scope.get(ACTOR_KEY)
        if actor is not None and actor.kind is not ActorKind.ANONYMOUS:
            extra["actor"] = f"{actor.kind} {actor.name}"  # last, because a name may look like a field
        record = _record(level, (scope["method"], path, status, seconds * 1000), extra)
        handler = line_handler(log, level)
        if handler is None:
            log.handle(record)
        elif handler.filter(record):
            handler.write_soon(handler.format(record))


def _record(level: int, values: tuple[object, ...], extra: dict[str, object]) -> logging.LogRecord:
    """As `log.log()` makes it, but for less than a third of the time: a copy of the first one of this thread, with its
    own time."""
    if logging.getLogRecordFactory() is not logging.LogRecord:
        return log.makeRecord(log.name, level, __file__, 0, _FORMAT, values, None, extra=extra)
    first = _first_records.by_level.get(level)
    if first is None:
        first = log.makeRecord(log.name, level, __file__, 0, _FORMAT, (), None)
        if hasattr(first, "taskName"):  # from Python 3.12 on
            first.taskName = None
        _first_records.by_level[level] = first
    record = logging.LogRecord.__new__(logging.LogRecord)
    now = time.time()
    vars(record).update(
        vars(first),
        args=values,
        created=now,
        msecs=float(int(now * 1000) % 1000),
        relativeCreated=first.relativeCreated + (now - first.created) * 1000,
        **extra,
    )
    return record
