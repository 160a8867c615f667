"""Whose the key is that a request brings in `X-API-Key`."""

import hmac
from typing import TYPE_CHECKING

from starlette.types import Scope

from lapinq_api.middleware.headers import first
from lapinq_core.domain.account import MASTER_KEY, Actor

if TYPE_CHECKING:
    from lapinq_api.state import State


def has_master_key(state: "State", scope: Scope) -> bool:
    """Whether it is the key of the settings."""
    key = state.settings.api_key
    # An empty one would be everybody's who sends none.
    return bool(key) and hmac.compare_digest(first(scope, b"x-api-key") or b"", key.encode())


async def actor_by_key(state: "State", scope: Scope) -> Actor | None:
    """Who sends the key of the settings or a named one; None without a valid key.

    Raises `DatabaseUnavailable` and `Overloaded` when it can't be found out.
    """
    if has_master_key(state, scope):
        return MASTER_KEY
    given = first(scope, b"x-api-key")
    return await state.keys.find(given) if given else None
