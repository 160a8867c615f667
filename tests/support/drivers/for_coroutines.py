"""Connections of the drivers for coroutines, each with what its user calls on it."""

import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from tests.support.drivers.urls import parts_of, sqlalchemy_url

asyncpg: Any = importlib.import_module("asyncpg")  # its types are incomplete


class Executing(Protocol):
    """Any of them."""

    async def execute(self, *args: Any, **kwargs: Any) -> Any: ...


@dataclass
class ForCoroutines:
    """`connection` is given to `using`."""

    connection: Executing
    commit: Callable[[], Awaitable[object]]
    rollback: Callable[[], Awaitable[object]]
    savepoint: Callable[[], AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def on_psycopg(url: str) -> AsyncGenerator[ForCoroutines]:
    async with await psycopg.AsyncConnection.connect(url) as conn:
        yield ForCoroutines(conn, conn.commit, conn.rollback, conn.transaction)
        await conn.rollback()


@asynccontextmanager
async def on_asyncpg(url: str) -> AsyncGenerator[ForCoroutines]:
    conn = await asyncpg.connect(**parts_of(url))
    try:
        yield await _with_transaction(conn)
    finally:
        await conn.close()


@asynccontextmanager
async def on_asyncpg_pool(url: str) -> AsyncGenerator[ForCoroutines]:
    async with asyncpg.create_pool(**parts_of(url), min_size=1, max_size=1) as pool, pool.acquire() as conn:
        yield await _with_transaction(conn)


@asynccontextmanager
async def on_sqlalchemy_psycopg(url: str) -> AsyncGenerator[ForCoroutines]:
    async with _engine(url, "psycopg") as engine, engine.connect() as conn:
        yield ForCoroutines(conn, conn.commit, conn.rollback, conn.begin_nested)


@asynccontextmanager
async def on_sqlalchemy_asyncpg(url: str) -> AsyncGenerator[ForCoroutines]:
    async with _engine(url, "asyncpg") as engine, engine.connect() as conn:
        yield ForCoroutines(conn, conn.commit, conn.rollback, conn.begin_nested)


@asynccontextmanager
async def on_session(url: str) -> AsyncGenerator[ForCoroutines]:
    async with _engine(url, "asyncpg") as engine, AsyncSession(engine) as session:
        yield ForCoroutines(session, session.commit, session.rollback, session.begin_nested)


FOR_COROUTINES = {
    "psycopg": on_psycopg,
    "asyncpg": on_asyncpg,
    "asyncpg pool": on_asyncpg_pool,
    "sqlalchemy psycopg": on_sqlalchemy_psycopg,
    "sqlalchemy asyncpg": on_sqlalchemy_asyncpg,
    "session": on_session,
}


async def _with_transaction(conn: Any) -> ForCoroutines:
    transaction = conn.transaction()
    await transaction.start()

    async def end(verb: str) -> None:
        nonlocal transaction
        await getattr(transaction, verb)()
        transaction = conn.transaction()
        await transaction.start()

    return ForCoroutines(conn, lambda: end("commit"), lambda: end("rollback"), conn.transaction)


@asynccontextmanager
async def _engine(url: str, driver: str) -> AsyncGenerator[AsyncEngine]:
    engine = create_async_engine(sqlalchemy_url(url, driver))
    try:
        yield engine
    finally:
        await engine.dispose()
