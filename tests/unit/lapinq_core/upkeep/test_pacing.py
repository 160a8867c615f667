"""When a maintenance job is due again after a pass."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
from psycopg import errors as pg

from lapinq_core.db.pool import PooledConnection
from lapinq_core.upkeep.duty import Duty
from lapinq_core.upkeep.pacing import Job, paced


def taking_long(returned: float | None) -> Callable[[PooledConnection], Awaitable[float | None]]:
    async def call(_: PooledConnection) -> float | None:
        time.sleep(0.002)  # noqa: ASYNC251  # what the pass costs
        return returned

    return call


@asynccontextmanager
async def at_once() -> AsyncGenerator[PooledConnection]:
    """No connection: these passes don't use theirs."""
    yield cast("PooledConnection", None)


@pytest.mark.parametrize(
    ("returned", "rest", "pauses"),
    [
        (None, 0.0, (0.001, 0.001)),
        (0.005, 0.0, (0.005, 0.005)),
        (None, 100.0, (0.2, 59.0)),
        (None, 1e9, (60.0, 60.0)),
        (0.0, 100.0, (0.0, 0.0)),
        (0.005, 1e9, (0.005, 0.005)),
    ],
)
async def test_a_pass_that_took_long_is_followed_by_a_rest_unless_it_names_its_pause(
    returned: float | None, rest: float, pauses: tuple[float, float]
) -> None:
    shortest, longest = pauses
    turn = paced(Job("chore", 0.001, taking_long(returned), rest=rest), at_once, Duty(), lambda: 1)
    for _ in range(2):
        assert shortest <= await turn() <= longest


async def test_the_wait_for_a_connection_does_not_count() -> None:
    @asynccontextmanager
    async def after_a_wait() -> AsyncGenerator[PooledConnection]:
        time.sleep(0.1)  # noqa: ASYNC251  # the wait for the pool
        async with at_once() as conn:
            yield conn

    async def call(_: PooledConnection) -> None:
        pass

    turn = paced(Job("chore", 0.001, call, rest=600.0), after_a_wait, Duty(), lambda: 1)
    assert await turn() < 60.0


@pytest.mark.parametrize(
    ("error", "rests"), [(pg.QueryCanceled, True), (asyncio.CancelledError, True), (pg.AdminShutdown, False)]
)
async def test_a_pass_that_failed_after_long_is_followed_by_a_rest_unless_the_database_went_away(
    error: type[BaseException], rests: bool
) -> None:
    async def call(conn: PooledConnection) -> None:
        await taking_long(None)(conn)
        raise error

    turn = paced(Job("chore", 0.001, call, rest=1e9), at_once, Duty(), lambda: 1)
    with pytest.raises(error):
        await turn()
    if rests:
        assert 0.0 < await turn() <= 60.0
    else:
        with pytest.raises(error):
            await turn()
