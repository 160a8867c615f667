"""Throttles password guessing: the counters of an attempt, and the answer beyond their limits."""

import hmac
import math
from typing import TYPE_CHECKING

import psycopg
from starlette.types import Scope

from lapinq_api.wire.errors import Refused
from lapinq_api.wire.sources import source_of
from lapinq_core.domain.accounts.passwords import could_be_username
from lapinq_core.people import logins, users
from lapinq_core.people.logins import Counter
from lapinq_core.people.sessions import Session

if TYPE_CHECKING:
    from lapinq_api.state import State

Tried = tuple[Counter, ...]
"""The counters of one attempt."""


class TooManyTries(Refused):
    """Too many wrong passwords. The next attempt may come in `seconds`."""

    def __init__(self, seconds: float) -> None:
        wait = max(math.ceil(seconds), 1)
        super().__init__(
            429,
            f"too many failed logins; try again in {max(math.ceil(wait / 60), 1)} min",
            {"Retry-After": str(wait)},
        )


async def count_login(state: "State", scope: Scope, username: str) -> Tried:
    """Counts a login as `username`, before the password is checked. Raises `TooManyTries`."""
    client = scope.get("client")
    address = source_of(client[0]) if client else "unknown"

    async def count(conn: psycopg.AsyncConnection) -> tuple[Tried, float | None]:
        # Fold as the database does when it looks up the name. Otherwise each spelling would have its own count.
        name = await users.folded(conn, username) if could_be_username(username) else username
        tried = (
            Counter(f"address:{address}", logins.MAX_PER_ADDRESS),
            Counter(
                f"pair:{_blind(state, f'{address} {name}')}", logins.MAX_PER_NAME_AND_ADDRESS, forgets=True
            ),
            Counter(f"name:{_blind(state, name)}", logins.MAX_PER_NAME),
        )
        return tried, await logins.count_try(conn, tried)

    tried, wait = await state.database.run(count)
    if wait is not None:
        raise TooManyTries(wait)
    return tried


async def count_link(state: "State", scope: Scope) -> Tried:
    """Counts a look at a one-time link, by its address only. Raises `TooManyTries`."""
    client = scope.get("client")
    address = source_of(client[0]) if client else "unknown"
    tried = (Counter(f"link:{address}", logins.MAX_PER_ADDRESS),)
    wait = await state.database.run(logins.count_try, tried)
    if wait is not None:
        raise TooManyTries(wait)
    return tried


async def count_guess(state: "State", session: Session) -> Tried:
    """Counts a guess at a logged-in user's current password, by their session only. Raises `TooManyTries`."""
    tried = (Counter(f"session:{session.id}", logins.MAX_PER_SESSION, forgets=True),)
    wait = await state.database.run(logins.count_try, tried)
    if wait is not None:
        raise TooManyTries(wait)
    return tried


def _blind(state: "State", text: str) -> str:
    """A counter's key that doesn't reveal the name: a password may be typed there by mistake.

    It is keyed with the session secret, so reading the table does not help to guess. Servers that share none, each with
    a random one of its own, count names apart, and addresses together.
    """
    return hmac.digest(state.session_secret, text.encode("utf-8", "replace"), "sha256").hex()
