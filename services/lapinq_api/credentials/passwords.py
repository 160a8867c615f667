"""Hashing passwords and checking them: argon2id, in threads, a few at once.

A check takes tens of milliseconds and as many megabytes on purpose. Without a bound, a flood of logins would take all
memory, and the event loop would answer nobody.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from passlib.context import CryptContext

from lapinq_api.wire.errors import Overloaded
from lapinq_core.domain.accounts.passwords import MAX_PASSWORD, is_text

COST: dict[str, Any] = {
    "argon2__type": "ID",
    "argon2__memory_cost": 19_456,
    "argon2__time_cost": 2,
    "argon2__parallelism": 1,
}
"""What one hash costs: 19 MiB, two passes, one lane. A password hashed at another cost is hashed anew at a login."""
AT_ONCE = 2
MOST_WAITING = 32
"""Beyond those that are hashed: at two of 30 ms at once, half a second."""


class Verdict(msgspec.Struct, frozen=True):
    """Whether a password is right, and its hash at today's cost where it was kept at another."""

    is_right: bool
    better_hash: str | None = None


class Passwords:
    """Of one event loop."""

    def __init__(self) -> None:
        # passlib's functions have no types; what is called of it stands in this class alone.
        self._context: Any = CryptContext(schemes=["argon2"], **COST)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lapinq-password")
        self._waiting = 0
        self._nobodys: str | None = None
        self.checks = 0
        """Checks made, each of which costs the same."""

    async def prepare(self) -> None:
        """Makes the hash that passwords for unknown names are checked against, so that none waits for it."""
        if self._nobodys is None:
            self._nobodys = await self.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """The hash to be kept. Raises `Overloaded`."""
        return await self._in_a_thread(lambda: self._context.hash(password))

    async def check(self, password: str, password_hash: str | None) -> Verdict:
        """Whether `password` is the one of the hash; without a hash it isn't, after the same time.

        Raises `Overloaded`.
        """
        await self.prepare()
        can_be = password_hash is not None and len(password) <= MAX_PASSWORD and is_text(password)
        given, against = (password, password_hash) if can_be else ("", self._nobodys)
        self.checks += 1
        is_right, better_hash = await self._in_a_thread(
            lambda: self._context.verify_and_update(given, against)
        )
        return Verdict(is_right, better_hash) if can_be and is_right else Verdict(is_right=False)

    async def _in_a_thread(self, work: Callable[[], Any]) -> Any:
        if self._waiting >= AT_ONCE + MOST_WAITING:
            raise Overloaded
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # Not when the request ends, which may be before the thread does.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: "asyncio.Future[Any]") -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()
