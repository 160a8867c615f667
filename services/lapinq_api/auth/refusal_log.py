"""Records failed logins and refused changes in the audit log."""

import logging
from typing import Any

from starlette.requests import Request
from starlette.types import Scope

from lapinq_api.credentials.caller import ACTOR_KEY, author_of
from lapinq_api.credentials.refusal_limits import MAX_LOGINS, MAX_PER_CALLER
from lapinq_api.state import State
from lapinq_api.wire.origins import SAFE_METHODS
from lapinq_api.wire.path import route_path
from lapinq_core.domain.accounts.account import Actor, ActorKind
from lapinq_core.domain.errors import LapinqError
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

_MAX_PATH = 300

log = logging.getLogger(__name__)


async def record_failed_login(state: State, by: Author, username: str | None) -> None:
    """Records a failed login, within the limit. `username` only if that user exists: other text may be a password."""
    left_out = state.refusals.take("logins", MAX_LOGINS)
    await _note(state, by, "session.login_failed", username, left_out)


async def record_refused_change(state: State, scope: Scope, sentence: str) -> None:
    """Records, within the limit, that a known caller was refused a change. Strangers are only in the server's log."""
    actor: Actor | None = scope.get(ACTOR_KEY)
    if actor is None or actor.kind is ActorKind.ANONYMOUS:
        return
    if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
        return
    by = author_of(Request(scope))
    # Without the query, which may contain search terms.
    target = f"{scope['method']} {route_path(scope)[:_MAX_PATH]}".encode(errors="replace").decode()
    left_out = state.refusals.take(f"{by.actor_kind} {by.actor_id}", MAX_PER_CALLER)
    await _note(state, by, "request.refused", target, left_out, error=sentence)


async def _note(
    state: State, by: Author, action: str, target: str | None, left_out: int | None, **details: Any
) -> None:
    if left_out is None:
        return
    if left_out:
        details["left_out"] = left_out
    try:
        await state.database.run(audit.record, by.did(action, target, details or None))
    except LapinqError as error:
        log.info("a refusal could not be recorded: %s", error)
