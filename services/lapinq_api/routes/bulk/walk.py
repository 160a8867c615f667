"""Changes many tasks in steps: for a request while its client stays connected, or in the background.

Each step is short, however long the walk takes (`lapinq_core.tasks.bulk`). Its size adapts to how long the previous
one took. A step that was interrupted or found no database is repeated a few times.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
import psycopg
from starlette.requests import ClientDisconnect, Request

from lapinq_api.credentials.caller import recheck
from lapinq_api.overload.database import BUDGET_SECONDS
from lapinq_api.overload.fair_share import CALLER
from lapinq_api.state import State
from lapinq_api.wire.errors import RETRY_AFTER_SECONDS, Busy, Refused
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.tasks import bulk
from lapinq_core.tasks.bulk import Batch, Step, Walk
from lapinq_core.tasks.filters import TaskFilter

T = TypeVar("T")

Act = Callable[[psycopg.AsyncConnection, Walk, Batch, int | None], Awaitable[Step | None]]
"""Makes one step, given the audit entry of earlier steps; None if it was interrupted and changed nothing."""

INITIAL_SIZE = 500
MIN_SIZE = 20
MAX_SIZE = 4_000
QUICK_SECONDS = 0.1
SLOW_SECONDS = 0.4
STEP_BUDGET_SECONDS = BUDGET_SECONDS + bulk.STEP_SECONDS + 1.0
PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Pauses before a step is repeated, in seconds."""
LOOKS_AGAIN = (0.01, 0.05, 0.2)
"""Pauses before tasks that moved during a step are tried again, in seconds."""


class Tally(msgspec.Struct):
    """How many tasks were changed or counted, and how many matched but were running."""

    done: int = 0
    running: int = 0


async def walk(state: State, request: Request, chosen: TaskFilter, act: Act) -> Tally:
    """Calls `act` for all tasks that match `chosen`, and wakes the workers of queues that got work.

    Raises `ClientDisconnect`, `Busy` if too many walks run, `DatabaseUnavailable`, and `Refused` if the
    application stops (503) or the caller has lost the permission (401, 403). Changes made until then stay. A walk over
    a single task does not count towards the limit.
    """
    if chosen.first is not None and chosen.first == chosen.last:
        return await _cancel_on_disconnect(request, _walk(state, request, chosen, act, [chosen.first]))
    with state.walks.hold(CALLER.get()):
        return await _cancel_on_disconnect(request, _walk(state, request, chosen, act))


async def walk_these(state: State, request: Request, chosen: TaskFilter, ids: list[str], act: Act) -> Tally:
    """As `walk`, for those of the tasks `ids` that match `chosen`."""
    with state.walks.hold(CALLER.get()):
        return await _cancel_on_disconnect(request, _walk(state, request, chosen, act, ids))


async def _walk(
    state: State, request: Request, chosen: TaskFilter, act: Act, only: Sequence[str] | None = None
) -> Tally:
    found = await state.database.scan(bulk.begin, chosen)
    walker = Walker(state, act, partial(recheck, request.scope))
    if found is not None:
        await (walker.run(found) if only is None else walker.run_for(found, only))
    return walker.tally


class Walker:
    """Makes the steps of a walk. `check` is called before each; what it raises ends the walk."""

    def __init__(self, state: State, act: Act, check: Callable[[], Awaitable[None]]) -> None:
        self._state = state
        self._act = act
        self._check = check
        self._size = INITIAL_SIZE
        self._entry_id: int | None = None
        self.tally = Tally()

    async def run(self, walk: Walk, after: str | None = None, left: Sequence[str] = ()) -> None:
        """The whole walk, or what is left of it: the ids `left`, and those after `after`."""
        await self._look_again(walk, left)
        while True:
            after, left = await self._advance(walk, after)
            await self._look_again(walk, left)
            if after is None:
                break

    async def run_for(self, walk: Walk, ids: Sequence[str]) -> None:
        """As `run`, for these tasks alone."""
        for start in range(0, len(ids), INITIAL_SIZE):
            batch = list(ids[start : start + INITIAL_SIZE])
            step = await self._step(walk, Batch(size=len(batch), ids=batch))
            await self._look_again(walk, step.left)

    async def _look_again(self, walk: Walk, left: Sequence[str]) -> None:
        for pause in LOOKS_AGAIN:
            if not left:
                return
            await asyncio.sleep(pause)
            left = (await self._step(walk, Batch(size=len(left), ids=[*left]))).left

    async def _advance(self, walk: Walk, after: str | None) -> tuple[str | None, list[str]]:
        """Makes the next step; returns the id to continue from, None at the end, and the ids to try again."""
        started = asyncio.get_running_loop().time()
        step = await self._step(walk, Batch(size=self._size, after=after))
        took = asyncio.get_running_loop().time() - started
        is_end = step.looked < self._size  # which is that of the last try
        if took > SLOW_SECONDS:
            self._size = max(self._size // 2, MIN_SIZE)
        elif took < QUICK_SECONDS:
            self._size = min(self._size * 2, MAX_SIZE)
        return None if is_end else step.last, step.left

    async def _step(self, walk: Walk, batch: Batch) -> Step:
        for pause in PAUSES:
            if step := await self._try(walk, batch, is_last=False):
                return step
            await asyncio.sleep(pause)
            if batch.ids is None:
                self._size = max(batch.size // 4, MIN_SIZE)
                batch = msgspec.structs.replace(batch, size=self._size)
        step = await self._try(walk, batch, is_last=True)
        if step is None:
            raise DatabaseUnavailable("every try was interrupted")
        return step

    async def _try(self, walk: Walk, batch: Batch, *, is_last: bool) -> Step | None:
        if self._state.stopping.is_set():
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"the server is shutting down after {self.tally.done} tasks; repeat the request for the rest",
                {"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        try:
            await self._check()
            step = await self._state.database.scan_within(
                STEP_BUDGET_SECONDS, self._act, walk, batch, self._entry_id
            )
        except (Busy, DatabaseUnavailable):
            if is_last:
                raise
            return None
        if step is not None:
            self._entry_id = step.entry_id
            self.tally.done += step.done
            self.tally.running += step.running
            self._state.notifier.wake(step.queues)
        return step


async def _cancel_on_disconnect(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Returns the result of `work`. Cancels it and raises `ClientDisconnect` when the client disconnects.

    Read the body first; later data is dropped.
    """
    working, leaving = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
