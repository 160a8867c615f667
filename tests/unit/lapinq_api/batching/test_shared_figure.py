"""A figure that many pages show costs one question in a while."""

import asyncio

from lapinq_api.batching.shared_figure import SharedFigure
from lapinq_api.overload.fair_share import CALLER, SERVER, Caller
from lapinq_api.wire.errors import Busy
from lapinq_core.db.errors import DatabaseUnavailable


async def test_many_who_want_it_ask_once_and_whoever_asks_works_for_all_meanwhile() -> None:
    asked_for = list[Caller]()

    async def ask() -> int:
        asked_for.append(CALLER.get())
        await asyncio.sleep(0)
        return 7

    figure = SharedFigure[int](3600.0)
    CALLER.set("the first")
    await asyncio.gather(*(figure.refresh(ask) for _ in range(20)))
    assert (figure.value, asked_for) == (7, [SERVER])
    await SharedFigure[int](0.0).refresh(ask)
    assert (asked_for, CALLER.get()) == ([SERVER] * 2, "the first")


async def test_without_an_answer_it_stays() -> None:
    async def ask() -> int:
        return 7

    for error in (DatabaseUnavailable(), Busy("too many searches are running")):

        async def fail(error: Exception = error) -> int:
            raise error

        figure = SharedFigure[int](0.0)
        await figure.refresh(ask)
        await figure.refresh(fail)
        assert figure.value == 7
