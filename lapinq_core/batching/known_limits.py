"""The named limits as a process remembers them for a moment, so that it doesn't ask for them with each enqueue."""

import time
from collections.abc import Sequence
from contextlib import suppress

from lapinq_core.batching.database import Database
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.limit_check import Bursts, check, find_bursts

KNOWN_SECONDS = 1.0
MAX_KNOWN = 1000


class KnownLimits:
    """Used by one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bursts: Bursts = {}
        self._known_until = 0.0

    async def check(self, tasks: Sequence[NewTask], *, numbered: bool = False) -> None:
        """Raises `InvalidValue` for a limit that does not exist, or has a rate whose burst is too small for a task.

        With `numbered` it names the task by its number. What it remembers accepts, but never refuses: a limit may just
        have been created, or raised.
        """
        if not any(task.limits for task in tasks):
            return
        first = 0 if numbered else None
        if time.monotonic() < self._known_until:
            with suppress(InvalidValue):
                check(tasks, self._bursts, first=first)
                return
        found = await self._database.run(find_bursts, tasks)
        is_fresh = time.monotonic() < self._known_until and len(self._bursts) < MAX_KNOWN
        self._bursts = {**self._bursts, **found} if is_fresh else found
        if not is_fresh:
            self._known_until = time.monotonic() + KNOWN_SECONDS
        check(tasks, found, first=first)
