"""A figure that many pages show costs one question in a while."""

import asyncio

from lapinq_api.batching.shared_figure import SharedFigure
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


def test_without_the_database_it_stays() -> None:
    async def ask() -> int:
        return 7

    async def fail() -> int:
        raise DatabaseUnavailable

    async def run() -> SharedFigure:
        figure = SharedFigure(0.0)
        await figure.refresh(ask)
        await figure.refresh(fail)
        return figure

    assert asyncio.run(run()).value == 7
