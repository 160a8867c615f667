"""Hashes and checks passwords with argon2id, in threads, a few at a time.

A check deliberately takes tens of milliseconds and megabytes. Without a limit, a flood of logins would use up all
memory and starve the event loop.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from passlib.context import CryptContext

from lapinq_core.batching.database import Overloaded
from lapinq_core.domain.accounts.passwords import MAX_PASSWORD, is_text

COST: dict[str, Any] = {
    "argon2__type": "ID",
    "argon2__memory_cost": 19_456,
    "argon2__time_cost": 2,
    "argon2__parallelism": 1,
}
"""One hash: 19 MiB, two passes, one lane. A password hashed at another cost is hashed again at the next login."""
AT_ONCE = 2
MAX_WAITING = 32
"""Besides those being hashed. With two at a time and 30 ms each, the last waits half a second."""


class PasswordCheck(msgspec.Struct, frozen=True):
    """Whether a password is right, and a new hash if the stored one has an outdated cost."""

    is_right: bool
    new_hash: str | None = None


class Passwords:
    """Used by one event loop."""

    def __init__(self) -> None:
        # passlib is untyped. Only this class calls it.
        self._context: Any = CryptContext(schemes=["argon2"], **COST)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lapinq-password")
        self._waiting = 0
        self._dummy_hash: str | None = None
        self.checks = 0
        """How many checks were made. Each costs the same."""

    async def prepare(self) -> None:
        """Prepares the hash that passwords of unknown users are checked against."""
        if self._dummy_hash is None:
            self._dummy_hash = await self.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """A hash to store. Raises `Overloaded`."""
        return await self._in_thread(lambda: self._context.hash(password))

    async def check(self, password: str, password_hash: str | None) -> PasswordCheck:
        """Whether `password` matches the hash. Without a hash it doesn't, after the same time.

        Raises `Overloaded`.
        """
        await self.prepare()
        can_be = password_hash is not None and len(password) <= MAX_PASSWORD and is_text(password)
        given, against = (password, password_hash) if can_be else ("", self._dummy_hash)
        self.checks += 1
        is_right, new_hash = await self._in_thread(lambda: self._context.verify_and_update(given, against))
        return PasswordCheck(is_right, new_hash) if can_be and is_right else PasswordCheck(is_right=False)

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        if self._waiting >= AT_ONCE + MAX_WAITING:
            raise Overloaded
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # Count down when the thread ends, which may be after the request.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: "asyncio.Future[Any]") -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()
