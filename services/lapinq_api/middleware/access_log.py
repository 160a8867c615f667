"""Logs a line per request: method, path, status, duration, request id, caller. Never the query string or a header."""

import logging

from starlette.types import Scope

from lapinq_api.credentials.caller import ACTOR_KEY
from lapinq_api.wire.path import route_path
from lapinq_api.wire.request_ids import SCOPE_KEY
from lapinq_core.domain.accounts.account import Actor, ActorKind

log = logging.getLogger(__name__)

_QUIET = ("/health", "/livez", "/readyz", "/metrics", "/fragments/", "/static/")
_MAX_PATH = 300


def write_line(scope: Scope, status: int, seconds: float) -> None:
    """Called by `Timing` for each request. Logs at level info; requests that programs repeat, at level debug."""
    level = logging.DEBUG if route_path(scope).startswith(_QUIET) else logging.INFO
    if not log.isEnabledFor(level):
        return
    # As sent: the decoded path could contain a line break.
    path = scope.get("raw_path", b"")[:_MAX_PATH].decode("latin-1") or ascii(scope["path"])
    extra: dict[str, object] = {"request_id": scope.get(SCOPE_KEY)}
    actor: Actor | None = scope.get(ACTOR_KEY)
    if actor is not None and actor.kind is not ActorKind.ANONYMOUS:
        extra["actor"] = f"{actor.kind} {actor.name}"  # last, because a name may look like a field
    values = (scope["method"], path, status, seconds * 1000)
    # Like log.log(), but without looking up the caller, which would double the time of this function.
    log.handle(log.makeRecord(log.name, level, __file__, 0, "%s %s %d %.1f ms", values, None, extra=extra))
