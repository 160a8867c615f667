"""Enqueues tasks with unique keys, as every server does."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from lapinq_core.db.rows import first_value
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Next
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.domain.tasks.unique import Debounce, OnConflict, Unique
from lapinq_core.intake.idempotency import Answered, Asked, UniqueKeyBusy, store
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.rows.factories import Conn, new_task

Result = TypeVar("Result")


def unique(until: str | float = "finished", on_conflict: OnConflict = "return", **values: Any) -> NewTask:
    """A task with the key `k`."""
    return new_task(unique=Unique("k", until, on_conflict), **values)


def debounced(delay: float = 600.0, max_wait: float | None = None, **values: Any) -> NewTask:
    return new_task(debounce=Debounce("k", delay, max_wait), **values)


async def put(conn: Conn, *tasks: NewTask) -> Answered:
    """Of one request."""
    [answer], _ = await store(conn, [Asked(tasks)])
    assert isinstance(answer, Answered)
    return answer


async def put_one(conn: Conn, task: NewTask) -> tuple[str, str]:
    """What became of the task, "stored", "existing" or "replaced", and the id in the answer."""
    answer = await put(conn, task)
    [task_id] = answer.task_ids
    assert task_id is not None
    what = "replaced" if answer.met.replaced else "existing" if answer.met.existing else "stored"
    assert (what == "stored") == (task_id == task.id)
    return what, task_id


async def patiently(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Tries again while the key is locked, as the server does: a try waits 20 ms for it."""
    async with asyncio.timeout(20):
        while True:
            with suppress(UniqueKeyBusy):
                return await attempt()


async def args_of(conn: Conn, task_id: str) -> list[Any]:
    return await first_value(conn, "SELECT args FROM lapinq_tasks WHERE id = %s", (task_id,))


async def end(conn: Conn, held: Claim, following: Next) -> None:
    await worker_verbs.settle(conn, [ended_as(held.id, held.token, following)])
