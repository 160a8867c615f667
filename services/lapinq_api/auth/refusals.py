"""What the audit log has of what was refused: failed logins, and changes that somebody known may not make.

In a quarter of an hour so many refusals are noted of each person and key, and so many failed logins in all: if those of
names that exist were counted separately, the time of an answer would tell which do. A refusal beyond that costs the
database nothing. The server's log has every one.
"""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq_core.domain.errors import LapinqError
from lapinq_core.store import audit
from lapinq_core.store.audit import Author

if TYPE_CHECKING:
    from lapinq_api.state import State

WINDOW_SECONDS = 15 * 60.0
MOST_BY_ONE = 20
MOST_LOGINS = 200

log = logging.getLogger(__name__)


class _Window(msgspec.Struct):
    """Since the first one that was noted: how many were, and how many more there have been."""

    since: float
    noted: int = 0
    left_out: int = 0


class Refusals:
    """Of one event loop. It grows with the people and keys that there are, not with what strangers send."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    def take(self, about: str, most: int) -> int | None:
        """How many refusals were left out before this one, which is noted; None where this one is left out too."""
        now = self._clock()
        window = self._windows.get(about)
        if window is None or now - window.since >= WINDOW_SECONDS:
            window = self._windows[about] = _Window(now, left_out=window.left_out if window else 0)
        if window.noted >= most:
            window.left_out += 1
            return None
        window.noted += 1
        before, window.left_out = window.left_out, 0
        return before


async def note_failed_login(state: "State", by: Author, username: str | None) -> None:
    """Notes a failed login, if there is room; `username` where it is somebody's, for any other may be a password."""
    left_out = state.refusals.take("logins", MOST_LOGINS)
    await _note(state, by, "session.login_failed", username, left_out)


async def note_refused_change(state: "State", by: Author, target: str, sentence: str) -> None:
    """Notes what `by` was refused, if there is room."""
    left_out = state.refusals.take(f"{by.actor_kind} {by.actor_id}", MOST_BY_ONE)
    await _note(state, by, "request.refused", target, left_out, error=sentence)


async def _note(
    state: "State", by: Author, action: str, target: str | None, left_out: int | None, **details: Any
) -> None:
    if left_out is None:
        return
    if left_out:
        details["left_out"] = left_out
    try:
        await state.database.run(audit.record, by.did(action, target, details or None))
    except LapinqError as error:
        log.info("a refusal could not be noted: %s", error)
