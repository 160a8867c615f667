"""Runs the coroutine of a test on a connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.support.rows.factories import Conn  # evaluated by nobody, but read where it is used

T = TypeVar("T")


def on_connections(url: str, test: Callable[..., Awaitable[T]], count: int = 1) -> T:
    """Calls `test` with `count` connections to `url`, each in autocommit mode as the product's are.

    As on connections that claim, nothing is compiled: a PostgreSQL with LLVM would take half a second for a large plan.
    """

    async def run() -> T:
        connections: list[Conn] = []
        try:
            for _ in range(count):
                connections.append(await Conn.open(url))
                await connections[-1].execute("SET jit = off")
            return await test(*connections)
        finally:
            for connection in connections:
                await connection.close()

    return asyncio.run(run())
