"""A step in the caller's transaction, with every driver: stored if that commits, and only by who holds the task."""

import asyncio
import inspect
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from lapinq._client.transaction.step import StepInTransaction
from lapinq_core.db.rows import all_rows
from lapinq_core.domain.tasks.durable.messages import Store
from tests.support.drivers.for_coroutines import FOR_COROUTINES
from tests.support.drivers.plain import PLAIN
from tests.support.drivers.urls import plain_url
from tests.support.event_loops import anyio_backend
from tests.support.rows.factories import Conn, add_worker, claim, enqueue

__all__ = ["anyio_backend"]

RESULT = '{"a":"\\\\ \\" \u00e4 {,}","b":null}'
DRIVERS = [*(f"plain {name}" for name in PLAIN), *FOR_COROUTINES]


@asynccontextmanager
async def _plain(name: str, url: str) -> AsyncGenerator[Any]:
    with PLAIN[name](url) as plain:
        yield plain


def connected(driver: str, url: str) -> AbstractAsyncContextManager[Any]:
    kind, _, name = driver.partition(" ")
    return _plain(name, url) if kind == "plain" else FOR_COROUTINES[driver](url)


async def maybe(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


async def store(step: StepInTransaction, name: str) -> bool:
    asked = Store(name, 1, "step", RESULT, 0.25, None)
    return await step.astore(asked) if step.is_async else step.store(asked)


@pytest.mark.parametrize("driver", DRIVERS)
async def test_it_is_stored_with_what_else_commits(
    database: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the test looks from a coroutine
    async with await Conn.open(database) as conn:
        await enqueue(conn)
        [held] = await claim(conn, await add_worker(conn))

        async def stored() -> list[Any]:
            query = "SELECT name, occurrence, kind, outcome, result, version, attempt FROM lapinq_steps"
            return [tuple(row) for row in await all_rows(conn, query)]

        async with connected(driver, plain_url(database)) as own:
            step = StepInTransaction(own.connection, held.id, held.token)
            assert await store(step, "taken back")
            await maybe(own.rollback())
            assert await store(step, 'a "quoted" \\ name')
            assert await stored() == []
            await maybe(own.commit())
            assert await stored() == [('a "quoted" \\ name', 1, "step", "completed", RESULT, None, 1)]
            lost = StepInTransaction(own.connection, held.id, "11111111-1111-4111-8111-111111111111")
            assert not await store(lost, "lost")
            await maybe(own.commit())
        assert len(await stored()) == 1


def test_anything_else_is_no_connection() -> None:
    with pytest.raises(TypeError, match="using\\(\\) takes a connection of"):
        StepInTransaction(asyncio, "id", "token")
