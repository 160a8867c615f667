"""Runs the coroutine of a test on a connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.support.rows.factories import Conn  # evaluated by nobody, but read where it is used

T = TypeVar("T")


def on_connections(url: str, test: Callable[..., Awaitable[T]], count: int = 1) -> T:
    """Calls `test` with `count` connections to `url`, each in autocommit mode as the product's are."""

    async def run() -> T:
        connections: list[Conn] = []
        try:
            for _ in range(count):
                connections.append(await Conn.open(url))  # noqa: PERF401  # what is open must be closed
            return await test(*connections)
        finally:
            for connection in connections:
                await connection.close()

    return asyncio.run(run())
