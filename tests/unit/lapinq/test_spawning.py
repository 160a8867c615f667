"""`current_task().spawn`: what it sends, once, and what it gives."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lapinq import AsyncTaskQueue, Middleware, TaskQueue, TaskRef
from lapinq.errors import InvalidValue, RequestRefused, StepRefused
from lapinq_core.domain.tasks.context import CurrentTask
from lapinq_core.domain.tasks.durable.messages import Spawn
from tests.support.event_loops import anyio_backend
from tests.unit.remembering import Task

__all__ = ["anyio_backend"]


class Tagging(Middleware):
    def enqueue(self, entries: list[dict[str, Any]], send: Callable[..., Any]) -> Any:
        entries[0]["metadata"] = {"by": "middleware"}
        return send(entries)

    async def aenqueue(self, entries: list[dict[str, Any]], send: Callable[..., Any]) -> Any:
        entries[0]["metadata"] = {"by": "middleware"}
        return await send(entries)


queue = TaskQueue("http://127.0.0.1:1", "mails", middleware=[Tagging()])
async_queue = AsyncTaskQueue("http://127.0.0.1:1")


@queue.task(priority=3)
def mail(to: str, copies: int = 1) -> bool:
    return True


@async_queue.task
async def amail(to: str) -> bool:
    return True


def current(task: Task) -> Any:
    return CurrentTask(task.attempt("1"))  # type: ignore[arg-type]  # the part that steps need


def sent(task: Task) -> list[dict[str, Any]]:
    return [msgspec.json.decode(each.request) for each in task.asked if isinstance(each, Spawn)]


def test_the_request_has_the_options_of_the_task_and_goes_through_the_middleware_once() -> None:
    task = Task()
    refs = [current(task).spawn(mail.options(max_retries=0), "eva", copies=2) for _ in range(2)]
    assert [type(ref) for ref in refs] == [TaskRef, TaskRef]
    assert [ref.task_id for ref in refs] == ["id 0", "id 0"]
    assert sent(task) == [
        {
            "task_name": "mail",
            "module_path": __name__,
            "queue_name": "mails",
            "args": ["eva"],
            "kwargs": {"copies": 2},
            "priority": 3,
            "max_retries": 0,
            "metadata": {"by": "middleware"},
        }
    ]
    assert task.names == ["mail"]


async def test_a_coroutine_may_spawn_many_at_once_in_an_order_that_is_always_the_same() -> None:
    task = Task(is_coroutine=True)
    attempts = [current(task), current(task)]
    for now in attempts:
        refs = await asyncio.gather(*(now.spawn(other, "eva") for other in (mail, mail, amail)))
        assert [ref.task_id for ref in refs] == ["id 0", "id 1", "id 2"]
    last = attempts[1]
    first = last.spawn(mail, "eva")

    async def beside() -> None:
        """Which of two coroutines is the first may change."""
        with pytest.raises(InvalidValue, match=r"'mail' is already in flight: .*options\(ref="):
            last.spawn(mail, "ida")
        await last.spawn(mail.options(ref="to ida"), "ida")

    await asyncio.create_task(beside())
    await first
    assert sorted(task.names) == ["amail", "mail", "mail", "mail", "to ida"]


def test_what_can_not_be_spawned_is_refused_and_not_stored() -> None:
    task = Task()
    now = current(task)
    for wrong, told in (
        (lambda: now.spawn(mail), "missing a required argument"),
        (lambda: now.spawn(mail.options(idempotency_key="k"), "eva"), "no idempotency_key"),
        (lambda: now.spawn(mail.options(after=["a"]), "eva"), "orders tasks of a workflow"),
    ):
        with pytest.raises(TypeError, match=told):
            wrong()
    with pytest.raises(StepRefused, match=r"step 'mail': its request has .* bytes, more than 1,000"):
        now.spawn(mail, "x" * 1000)
    task.refuses = 409
    with pytest.raises(RequestRefused, match="task mail was not enqueued: 409: no"):
        now.spawn(mail, "eva")
    assert task.names == []
