"""Requests that wait for the end of a task: hints make the answer quick, looking makes it sure.

Who waits is announced (`lapinq_wait`) and announced again every two seconds, so that workers that start later know too.
A worker that has written the end of such a task, and committed it, tells of it (`lapinq_done`); then all the tasks told
of are looked up in one statement. Whatever is told, all that are waited for are looked up twice a second: a task also
ends by cancellation, by expiry, by rescue and by workers that tell nothing, and a hint may get lost. A newcomer is
looked up when it is registered, and twice more until the workers must have heard of it: its task may have ended in
between, and a short one most likely has. Nothing is sent and nothing is asked while nobody waits.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from lapinq_api.overload.database import Database
from lapinq_api.wire.errors import Overloaded
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks import inspect

MOST_WAITING = 1_000
LOOK_INTERVAL_SECONDS = 0.5
ANNOUNCE_INTERVAL_SECONDS = 2.0
SOON_SECONDS = (0.01, 0.05)
"""When a newcomer is looked up again; by the last of it workers have heard of it."""

Result = tuple[Status, str]
"""The status, and the result as a JSON object, of use once that is final."""

log = logging.getLogger(__name__)


class ResultWaits:
    """Of one event loop. `announce` tells workers of ids that are waited for; `stopping` ends every wait."""

    def __init__(
        self, database: Database, announce: Callable[[Iterable[str]], None], stopping: asyncio.Event
    ) -> None:
        self._database = database
        self._announce = announce
        self._stopping = stopping
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[str, set[_Waiter]] = {}
        self._count = 0
        self._hinted: set[str] = set()
        self._is_doubtful = False
        self._some = asyncio.Event()  # somebody waits
        self._news = asyncio.Event()

    async def result(
        self, task_id: str, seconds: float, gone: Callable[[], Coroutine[Any, Any, object]]
    ) -> Result | None:
        """The result of a task once it has ended, or what is known of it after `seconds`; None where there is no such
        task (any more).

        It also returns with what is known when the application is to stop, or when `gone` returns. Raises
        `DatabaseUnavailable` when the first look fails, and `Overloaded`.
        """
        if self._count >= MOST_WAITING:
            raise Overloaded
        deadline = self._loop.time() + seconds
        waiter = _Waiter(self._loop.create_future())
        self._register(task_id, waiter)
        try:
            # After it is registered: what ends from here on is told of, or seen.
            known = await self._database.run(inspect.get_result, task_id)
            if known is None or known[0] in FINAL:
                return known
            waiter.seen = known
            self._announce([task_id])
            for pause in SOON_SECONDS:
                self._loop.call_later(pause, self.heard, task_id)
            if await self._is_over(waiter, deadline - self._loop.time(), gone):
                return waiter.ended.result() if waiter.ended.done() else waiter.seen
        finally:
            self._forget(task_id, waiter)
        try:
            return await self._database.run(inspect.get_result, task_id)
        except DatabaseUnavailable:
            return waiter.seen

    def heard(self, payload: str) -> None:
        """NOTIFY: ids of tasks that have ended. An empty one says that some may have been missed."""
        if not self._waiters:
            return
        if payload:
            self._hinted.update(task_id for task_id in payload.split() if task_id in self._waiters)
        else:
            self._is_doubtful = True
        if self._hinted or self._is_doubtful:
            self._news.set()

    async def run(self) -> None:
        """Looks and announces while somebody waits, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._announce_again())
            group.create_task(self._look_again())

    async def _is_over(
        self, waiter: "_Waiter", seconds: float, gone: Callable[[], Coroutine[Any, Any, object]]
    ) -> bool:
        """Whether the wait ended before its time was up: by the end of the task, or because nobody waits any more."""
        others: list[asyncio.Task[object]] = [
            asyncio.create_task(gone()),
            asyncio.create_task(self._stopping.wait()),
        ]
        try:
            done, _ = await asyncio.wait(
                [waiter.ended, *others], timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        return bool(done)

    def _register(self, task_id: str, waiter: "_Waiter") -> None:
        self._count += 1
        self._waiters.setdefault(task_id, set()).add(waiter)
        self._some.set()

    def _forget(self, task_id: str, waiter: "_Waiter") -> None:
        self._count -= 1
        waiters = self._waiters[task_id]
        waiters.discard(waiter)
        if not waiters:
            del self._waiters[task_id]
        if not self._waiters:
            self._some.clear()

    async def _announce_again(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(ANNOUNCE_INTERVAL_SECONDS)
            self._announce(self._waiters)

    async def _look_again(self) -> None:
        due = 0.0
        while True:
            if not self._waiters:
                self._hinted.clear()
                self._news.clear()
                await self._some.wait()
                due = self._loop.time() + LOOK_INTERVAL_SECONDS
            await self._hint_or(due)
            hinted, self._hinted = self._hinted, set()
            is_doubtful, self._is_doubtful = self._is_doubtful, False
            if is_doubtful or self._loop.time() >= due:
                due = self._loop.time() + LOOK_INTERVAL_SECONDS
                hinted = set(self._waiters)
            await self._look_up(hinted & self._waiters.keys())

    async def _hint_or(self, due: float) -> None:
        """Returns when there are news, or at `due` by the loop's clock."""
        try:
            async with asyncio.timeout_at(due):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    async def _look_up(self, ids: set[str]) -> None:
        if not ids:
            return
        try:
            found = await self._database.run(inspect.get_results, sorted(ids))
        except DatabaseUnavailable as error:
            log.debug("could not look at tasks that are waited for: %s", error)
            return
        except Exception:  # a loop's turn: it must look again
            log.exception("could not look at tasks that are waited for")
            return
        for task_id in ids:
            result = found.get(task_id)
            for waiter in self._waiters.get(task_id, ()):
                waiter.look(result)


class _Waiter:
    """One request: how its task was last seen, and the result or None for a task that is gone."""

    __slots__ = ("ended", "seen")

    def __init__(self, ended: asyncio.Future[Result | None]) -> None:
        self.ended = ended
        self.seen: Result | None = None

    def look(self, result: Result | None) -> None:
        if result is not None and result[0] not in FINAL:
            self.seen = result
        elif not self.ended.done():
            self.ended.set_result(result)
