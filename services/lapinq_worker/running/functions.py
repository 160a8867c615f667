"""Finds the functions of claimed tasks, each once, and imports the user's modules off the event loop.

Each import has its own daemon thread: an import that never ends must neither block other imports nor keep the process
from ending.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Sequence

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.outcome import Outcome, TimedOut
from lapinq_worker.running.job import Target
from lapinq_worker.running.outcomes import raised
from lapinq_worker.running.targets import load_target

Key = tuple[str, str]


class Functions:
    """A cache of targets by module and name. It keeps no failure: the next task tries again.

    An import may take `time_limit` seconds. `middleware` is the worker's own. It goes around every function, outside
    the middleware of its queue. `log` is the logger for the start and the completion of tasks.
    """

    def __init__(
        self,
        allowed: Sequence[str],
        time_limit: float,
        middleware: Sequence[Middleware] = (),
        log: logging.Logger | None = None,
    ) -> None:
        self._allowed = allowed
        self._middleware = middleware
        self._log = log
        self._time_limit = time_limit
        self._targets: dict[Key, Target] = {}
        self._searches: dict[Key, asyncio.Future[Target | Outcome]] = {}

    def known(self, claim: Claim) -> Target | None:
        """The target, if it is in the cache."""
        return self._targets.get((claim.module_path, claim.task_name))

    @property
    def modules(self) -> set[str]:
        """The modules of the targets found so far."""
        return {module for module, _ in self._targets}

    async def find(self, claim: Claim) -> Target | Outcome:
        """The target, or the outcome for a task whose function can't be found."""
        key = (claim.module_path, claim.task_name)
        search = self._searches.get(key) or self._begin(key)
        try:
            async with asyncio.timeout(self._time_limit):
                # Other tasks may wait for it too.
                return await asyncio.shield(search)
        except TimeoutError:
            return TimedOut(self._time_limit)

    def _begin(self, key: Key) -> asyncio.Future[Target | Outcome]:
        loop = asyncio.get_running_loop()
        search: asyncio.Future[Target | Outcome] = loop.create_future()

        def found(result: Target | Outcome) -> None:
            del self._searches[key]
            if isinstance(result, Target):
                self._targets[key] = result
            if not search.done():
                search.set_result(result)

        def run() -> None:
            result = self._search(key)
            with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
                loop.call_soon_threadsafe(found, result)

        threading.Thread(target=run, name=f"import {key[0]}", daemon=True).start()
        self._searches[key] = search
        return search

    def _search(self, key: Key) -> Target | Outcome:
        try:
            return load_target(*key, self._allowed, self._middleware, self._log)
        except BaseException as error:  # noqa: BLE001  # user code: importing a module runs it
            return raised(error)
