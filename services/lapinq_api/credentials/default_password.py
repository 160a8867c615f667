"""Whether a user still has the default password."""

import asyncio
import time
from collections.abc import Callable

from lapinq_api.overload.database import Database
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.people import users

FRESH_SECONDS = 5.0


class DefaultPassword:
    """Caches who has the default password. Used by one event loop.

    An answer is valid for 5 s, or until a server announces a new password on `ACCESS_CHANNEL`
    (`lapinq_core.people.keys`). While the database is unavailable, the last answer stays valid.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._username: str | None = None
        self._is_known = False
        self._fresh_until = 0.0
        self._changes = 0
        self._turn = asyncio.Lock()

    def on_notify(self, _payload: str) -> None:
        """A password may have changed."""
        self._changes += 1
        self._fresh_until = 0.0

    async def works(self) -> bool:
        """Whether a user can log in with it. Raises `DatabaseUnavailable` if that is not known at all."""
        if self._clock() >= self._fresh_until:
            async with self._turn:
                if self._clock() >= self._fresh_until:
                    await self._fetch_if_possible()
        return self._username is not None

    async def fetch(self) -> str | None:
        """The name of a user who has it. Raises `DatabaseUnavailable`."""
        changes = self._changes
        self._username = await self._database.run(users.default_login)
        self._is_known = True
        if changes == self._changes:  # else the answer may be older than the announcement
            self._fresh_until = self._clock() + FRESH_SECONDS
        return self._username

    async def _fetch_if_possible(self) -> None:
        try:
            await self.fetch()
        except DatabaseUnavailable:
            if not self._is_known:
                raise
            self._fresh_until = self._clock() + FRESH_SECONDS
