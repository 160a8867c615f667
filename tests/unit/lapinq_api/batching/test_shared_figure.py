"""A figure that many pages show costs one question in a while."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from lapinq_api.batching.shared_figure import SharedFigure
from lapinq_api.overload.fair_share import CALLER, SERVER, Caller
from lapinq_api.wire.errors import Busy
from lapinq_core.db.errors import DatabaseUnavailable


def test_many_who_want_it_ask_once() -> None:
    asked = list[int]()

    async def ask() -> int:
        asked.append(1)
        await asyncio.sleep(0)
        return 7

    async def run() -> SharedFigure:
        figure = SharedFigure(3600.0)
        await asyncio.gather(*(figure.refresh(ask) for _ in range(20)))
        return figure

    assert asyncio.run(run()).value == 7
    assert len(asked) == 1


@pytest.mark.parametrize("error", [DatabaseUnavailable, partial(Busy, "too many searches are running")])
def test_without_an_answer_it_stays(error: Callable[[], Exception]) -> None:
    async def ask() -> int:
        return 7

    async def fail() -> int:
        raise error()

    async def run() -> SharedFigure:
        figure = SharedFigure(0.0)
        await figure.refresh(ask)
        await figure.refresh(fail)
        return figure

    assert asyncio.run(run()).value == 7


def test_whoever_asks_works_for_all_meanwhile() -> None:
    asked_for = list[Caller]()

    async def ask() -> int:
        asked_for.append(CALLER.get())
        return 7

    async def run() -> None:
        CALLER.set("the first")
        await SharedFigure(0.0).refresh(ask)
        asked_for.append(CALLER.get())

    asyncio.run(run())
    assert asked_for == [SERVER, "the first"]
