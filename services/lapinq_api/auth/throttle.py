"""Slows down who guesses passwords: under which keys tries are counted, and what is answered beyond the limits."""

import hmac
import math
from typing import TYPE_CHECKING

import msgspec
import psycopg
from starlette.types import Scope

from lapinq_api.errors import Refused
from lapinq_api.middleware.rate_limit import source_of
from lapinq_core.domain.passwords import could_be_username
from lapinq_core.store import logins, users

if TYPE_CHECKING:
    from lapinq_api.state import State


class Tried(msgspec.Struct, frozen=True):
    """A try that was counted, by the keys of its name and its address."""

    name: str
    address: str


class TooManyTries(Refused):
    """More logins were tried than may be; `seconds` until one may be again."""

    def __init__(self, seconds: float) -> None:
        wait = max(math.ceil(seconds), 1)
        super().__init__(
            429,
            f"too many logins failed; try again in {max(math.ceil(wait / 60), 1)} min",
            {"Retry-After": str(wait)},
        )


async def count_try(state: "State", scope: Scope, username: str) -> Tried:
    """Counts a try at the password of `username`, before anybody looks at it. Raises `TooManyTries`."""
    client = scope.get("client")
    address = f"address:{source_of(client[0]) if client else 'unknown'}"

    async def count(conn: psycopg.AsyncConnection) -> tuple[Tried, float | None]:
        # As the database does it when it looks for the name: else each way to write it would have tries of its own.
        name = await users.folded(conn, username) if could_be_username(username) else username
        tried = Tried(f"name:{_blind(state, name)}", address)
        return tried, await logins.count_try(conn, tried.name, tried.address)

    tried, wait = await state.database.run(count)
    if wait is not None:
        raise TooManyTries(wait)
    return tried


def _blind(state: "State", name: str) -> str:
    """The name without the name: what is typed there by mistake may be a password.

    Keyed by the secret of the settings, which all replicas share, so that nobody who reads the table can try words.
    """
    secret = (state.settings.session_secret or "").encode()
    return hmac.digest(secret, name.encode("utf-8", "replace"), "sha256").hex()
