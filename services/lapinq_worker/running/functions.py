"""Finds the functions of claimed tasks, each once, and imports the user's modules off the event loop.

Each import has its own daemon thread: an import that never ends must neither block other imports nor keep the process
from ending.
"""

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.middleware import Middleware
from lapinq_core.domain.tasks.outcome import Outcome, Raised, TimedOut, Unretryable
from lapinq_core.importing import TaskNotFound
from lapinq_worker.running.job import Target
from lapinq_worker.running.outcomes import raised
from lapinq_worker.running.targets import load_target

Key = tuple[str, str]
_NOT_IMPORTABLE = (TaskNotFound, ImportError, SyntaxError)
_ASK_SECONDS = 2.0


class NotImported(msgspec.Struct, frozen=True):
    """The import of the module failed as it would at every try with this code."""

    failure: Raised


class Functions:
    """A cache of targets by module and name. It keeps no failure: the next task tries again.

    An import may take `time_limit` seconds. `has_module` names a living worker that has found tasks in a module.
    Without one, a task whose module can't be imported is retried only once: workers that could import it need not have
    done so. `middleware` is the worker's own. It goes around every function, outside the middleware of its queue. `log`
    is the logger for the start and the completion of tasks.
    """

    def __init__(
        self,
        allowed: Sequence[str],
        time_limit: float,
        has_module: Callable[[str], Awaitable[str | None]],
        middleware: Sequence[Middleware] = (),
        log: logging.Logger | None = None,
    ) -> None:
        self._allowed = allowed
        self._has_module = has_module
        self._middleware = middleware
        self._log = log
        self._time_limit = time_limit
        self._targets: dict[Key, Target] = {}
        self._searches: dict[Key, asyncio.Future[Target | Outcome | NotImported]] = {}

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
                found = await asyncio.shield(search)
        except TimeoutError:
            return TimedOut(self._time_limit)
        return await self._judged(claim, found.failure) if isinstance(found, NotImported) else found

    async def _judged(self, claim: Claim, failure: Raised) -> Outcome:
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                other = await self._has_module(claim.module_path)
        except Exception:  # noqa: BLE001  # the database is away: then the next worker may know
            return failure
        if other is not None:
            told = f"{failure.error}. The worker '{other}' has found tasks in this module, so a retry may succeed there"
            return Raised(told, failure.traceback)
        if claim.attempt == 1:
            return failure
        told = f"{failure.error}. No living worker has reported tasks of this module, so the task is not retried again"
        return Unretryable(told, failure.traceback)

    def _begin(self, key: Key) -> asyncio.Future[Target | Outcome | NotImported]:
        loop = asyncio.get_running_loop()
        search: asyncio.Future[Target | Outcome | NotImported] = loop.create_future()

        def found(result: Target | Outcome | NotImported) -> None:
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

    def _search(self, key: Key) -> Target | Outcome | NotImported:
        try:
            return load_target(*key, self._allowed, self._middleware, self._log)
        except BaseException as error:  # noqa: BLE001  # user code: importing a module runs it
            failure = raised(error)
            is_lasting = isinstance(error, _NOT_IMPORTABLE) and key[0] not in sys.modules
            return NotImported(failure) if is_lasting and isinstance(failure, Raised) else failure
