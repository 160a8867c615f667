"""Requests that wait for a task to end. Notifications make the answer quick; polling makes it certain.

The waiting process, such as the API, announces for which tasks its clients wait (`lapinq_wait`), and repeats it every
two seconds for workers that start later. A worker that has committed the end of such a task notifies it
(`lapinq_done`), and it looks up all tasks named so far in one statement.

Twice a second it also looks up every task that clients wait for. A task may end by cancellation, expiry or rescue, or
under a worker that doesn't notify, and a notification may be lost. A new task is looked up when it is registered, and
twice more until the workers must have heard of it, because it may end in between, as a short one usually does. Without
waiting clients there is no traffic at all.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from lapinq_core.batching.database import Database, Overloaded
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.tasks.state import FINAL, Status
from lapinq_core.tasks import inspect

MAX_WAITING = 1_200
"""So that one caller may have 1,000 waits at a server, and leaves some to others."""
POLL_INTERVAL_SECONDS = 0.5
ANNOUNCE_INTERVAL_SECONDS = 2.0
RECHECK_SECONDS = (0.01, 0.05)
"""When a new task is looked up again. By the last of these, workers have heard of it."""

Result = tuple[Status, str]
"""The status, and the result as a JSON object, which is valid once the status is final."""

log = logging.getLogger(__name__)


class ResultWaits:
    """Used by one event loop. `announce` sends task ids to the workers; `stopping` ends every wait."""

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
        self._may_have_missed = False
        self._has_waiters = asyncio.Event()  # set while clients wait
        self._has_hints = asyncio.Event()

    async def result(
        self, task_id: str, seconds: float, gone: Callable[[], Coroutine[Any, Any, object]]
    ) -> Result | None:
        """The result of a task when it has ended, or its state after `seconds`; None if the task does not exist.

        Also returns the state when the application is about to stop, or when `gone` returns. Raises
        `DatabaseUnavailable` when the first lookup fails, and `Overloaded`.
        """
        if self._count >= MAX_WAITING:
            raise Overloaded
        deadline = self._loop.time() + seconds
        waiter = _Waiter(self._loop.create_future())
        self._register(task_id, waiter)
        try:
            # Look up after registering: an end from here on is notified or seen.
            known = await self._database.run(inspect.get_result, task_id)
            if known is None or known[0] in FINAL:
                return known
            waiter.seen = known
            self._announce([task_id])
            for pause in RECHECK_SECONDS:
                self._loop.call_later(pause, self.on_notify, task_id)
            if await self._is_over(waiter, deadline - self._loop.time(), gone):
                return waiter.ended.result() if waiter.ended.done() else waiter.seen
        finally:
            self._forget(task_id, waiter)
        try:
            return await self._database.run(inspect.get_result, task_id)
        except DatabaseUnavailable:
            return waiter.seen

    def on_notify(self, payload: str) -> None:
        """A notification: ids of ended tasks. An empty payload means that some may be lost."""
        if not self._waiters:
            return
        if payload:
            self._hinted.update(task_id for task_id in payload.split() if task_id in self._waiters)
        else:
            self._may_have_missed = True
        if self._hinted or self._may_have_missed:
            self._has_hints.set()

    async def run(self) -> None:
        """Looks up and announces tasks while clients wait. Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._announce_repeatedly())
            group.create_task(self._poll())

    async def _is_over(
        self, waiter: "_Waiter", seconds: float, gone: Callable[[], Coroutine[Any, Any, object]]
    ) -> bool:
        """Whether the wait ended before its time was up: the task ended, or nobody waits any more."""
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
        self._has_waiters.set()

    def _forget(self, task_id: str, waiter: "_Waiter") -> None:
        self._count -= 1
        waiters = self._waiters[task_id]
        waiters.discard(waiter)
        if not waiters:
            del self._waiters[task_id]
        if not self._waiters:
            self._has_waiters.clear()

    async def _announce_repeatedly(self) -> None:
        while True:
            await self._has_waiters.wait()
            await asyncio.sleep(ANNOUNCE_INTERVAL_SECONDS)
            self._announce(self._waiters)

    async def _poll(self) -> None:
        due = 0.0
        while True:
            if not self._waiters:
                self._hinted.clear()
                self._has_hints.clear()
                await self._has_waiters.wait()
                due = self._loop.time() + POLL_INTERVAL_SECONDS
            await self._wait_for_hint(due)
            hinted, self._hinted = self._hinted, set()
            may_have_missed, self._may_have_missed = self._may_have_missed, False
            if may_have_missed or self._loop.time() >= due:
                due = self._loop.time() + POLL_INTERVAL_SECONDS
                hinted = set(self._waiters)
            await self._look_up(hinted & self._waiters.keys())

    async def _wait_for_hint(self, due: float) -> None:
        """Returns after a notification, or at `due` by the loop's clock."""
        try:
            async with asyncio.timeout_at(due):
                await self._has_hints.wait()
        except TimeoutError:
            pass
        self._has_hints.clear()

    async def _look_up(self, ids: set[str]) -> None:
        if not ids:
            return
        try:
            found = await self._database.run(inspect.get_results, sorted(ids))
        except DatabaseUnavailable as error:
            log.debug("could not look up tasks that clients wait for: %s", error)
            return
        except Exception:  # as in a loop: it must continue
            log.exception("could not look up tasks that clients wait for")
            return
        for task_id in ids:
            result = found.get(task_id)
            for waiter in self._waiters.get(task_id, ()):
                waiter.update(result)


class _Waiter:
    """One request: the last known state of its task, and a future for the result, or None for a deleted task."""

    __slots__ = ("ended", "seen")

    def __init__(self, ended: asyncio.Future[Result | None]) -> None:
        self.ended = ended
        self.seen: Result | None = None

    def update(self, result: Result | None) -> None:
        if result is not None and result[0] not in FINAL:
            self.seen = result
        elif not self.ended.done():
            self.ended.set_result(result)
