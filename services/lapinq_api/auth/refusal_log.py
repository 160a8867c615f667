"""Records failed logins and refused changes in the audit log."""

import logging
from typing import Any

from lapinq_api.credentials.refusal_limits import MAX_LOGINS, MAX_PER_CALLER
from lapinq_api.state import State
from lapinq_core.domain.errors import LapinqError
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

log = logging.getLogger(__name__)


async def record_failed_login(state: State, by: Author, username: str | None) -> None:
    """Records a failed login, within the limit. `username` only if that user exists: other text may be a password."""
    left_out = state.refusals.take("logins", MAX_LOGINS)
    await _note(state, by, "session.login_failed", username, left_out)


async def record_refused_change(state: State, by: Author, target: str, sentence: str) -> None:
    """Records a change that `by` was refused, within the limit."""
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
