"""What a coroutine that waits awaits: the chain of coroutines and tasks, up to where it can be followed."""

import asyncio
from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest

from lapinq_core.domain.tasks.diagnostics.profile import MAX_DEPTH
from lapinq_worker.running.pools.child_side.awaited import awaited


async def direct() -> None:
    await inner()


async def inner() -> None:
    await asyncio.Event().wait()


async def of_generator() -> None:
    async for _ in items():
        pass


async def items() -> AsyncIterator[int]:
    yield 1
    await inner()


class Own:
    def __await__(self) -> Generator[Any, Any, None]:
        yield from inner().__await__()


async def of_object() -> None:
    await Own()


async def of_several() -> None:
    await asyncio.gather(asyncio.sleep(0), inner(), direct())


async def of_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(inner())


async def deep(levels: int = 2 * MAX_DEPTH) -> None:
    await (deep(levels - 1) if levels else inner())


INNER = ["inner", "Event.wait"]


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (of_generator, ["of_generator", "items", *INNER]),
        (of_object, ["of_object", "Own.__await__", *INNER]),
        (of_several, ["of_several", *INNER]),
        (of_group, ["of_group", "TaskGroup.__aexit__"]),
        (deep, ["deep"] * MAX_DEPTH),
    ],
)
async def test_the_chain_leads_to_the_last_coroutine_that_waits(function: Any, names: list[str]) -> None:
    task = asyncio.create_task(function())
    for _ in range(4):
        await asyncio.sleep(0)
    found = [code.co_qualname for code in awaited(task) if code.co_name != "_aexit"]  # Python 3.13 and later
    task.cancel()
    await asyncio.wait([task])
    assert found == names


async def test_a_task_that_has_not_begun_or_has_ended_awaits_nothing_more() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    assert [code.co_name for code in awaited(task)] == ["sleep"]
    await task
    assert [code.co_name for code in awaited(task)] == ["sleep"]
