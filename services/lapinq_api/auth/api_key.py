"""Checks the API key in `X-API-Key`, and counts wrong ones."""

import hmac
from typing import TYPE_CHECKING

from starlette.types import Scope

from lapinq_api.auth.exposure import needs_no_credentials
from lapinq_api.credentials.key_throttle import TooManyWrongKeys
from lapinq_api.wire.headers import first
from lapinq_api.wire.sources import source_of
from lapinq_core.domain.accounts.account import MASTER_KEY, Actor
from lapinq_core.domain.accounts.api_key import looks_like_key

if TYPE_CHECKING:
    from lapinq_api.state import State

_WRONG_KEY = "lapinq.wrong_key"
"""In the scope of a request with a wrong key: the seconds to wait after too many, else None."""


def has_master_key(state: "State", scope: Scope) -> bool:
    """Whether the request carries the API key of the settings."""
    given = _key_to_check(state, scope)
    if given and _is_master_key(state, given):
        record_valid(state, scope)
        return True
    if given and not looks_like_key(given):
        _note_wrong(state, scope)
    return False


async def actor_by_key(state: "State", scope: Scope) -> Actor | None:
    """The owner of the request's key: the one in the settings or a named one. None without a valid key.

    Raises `DatabaseUnavailable` and `Overloaded` if it cannot be determined.
    """
    given = _key_to_check(state, scope)
    if not given:
        return None
    actor = MASTER_KEY if _is_master_key(state, given) else await state.keys.find(given)
    if actor is None:
        _note_wrong(state, scope)
    else:
        record_valid(state, scope)
    return actor


def record_valid(state: "State", scope: Scope) -> None:
    """Records that a valid key or session came from the address of this request."""
    state.key_throttle.record_valid(_address(scope))


def check_key_throttle(scope: Scope) -> None:
    """Raises `TooManyWrongKeys` for a wrong key from an address that sent too many."""
    wait: float | None = scope.get(_WRONG_KEY)
    if wait is not None:
        raise TooManyWrongKeys(wait)


def _key_to_check(state: "State", scope: Scope) -> bytes:
    """The key to check; empty without one, or if the address sent too many wrong ones."""
    given = first(scope, b"x-api-key") or b""
    if given and (wait := state.key_throttle.blocked(_address(scope))) is not None:
        scope[_WRONG_KEY] = wait
        return b""
    return given


def _is_master_key(state: "State", given: bytes) -> bool:
    key = state.settings.api_key
    return key is not None and hmac.compare_digest(given, key.encode())


def _note_wrong(state: "State", scope: Scope) -> None:
    """Counts a wrong key, once per request. Whom the API answers anyway has no key to guess."""
    if not needs_no_credentials(state, scope) and _WRONG_KEY not in scope:
        scope[_WRONG_KEY] = state.key_throttle.record_wrong(_address(scope))


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return source_of(client[0]) if client else ""
