"""The gate shuts after three failures in a row and opens when the database is back."""

import asyncio
import logging

import psycopg
import pytest

from lapinq_api.overload import database_gate
from lapinq_api.overload.database_gate import DatabaseGate


async def _never() -> None:
    raise psycopg.OperationalError


def test_it_shuts_at_the_third_failure_in_a_row() -> None:
    guard = DatabaseGate(_never)
    guard.failed("no route")
    guard.failed("no route")
    guard.succeeded()
    guard.failed("no route")
    guard.failed("no route")
    assert not guard.is_shut
    guard.failed("no route")
    assert guard.is_shut


def test_it_probes_until_the_database_is_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database_gate, "PROBE_INTERVAL_SECONDS", 0.001)
    answers: list[Exception | None] = [psycopg.OperationalError(), TimeoutError(), ValueError("a bug"), None]

    async def probe() -> None:
        if (error := answers.pop(0)) is not None:
            raise error

    async def run() -> None:
        guard = DatabaseGate(probe)
        running = asyncio.create_task(guard.run())
        for _ in range(3):
            guard.failed("gone")
        async with asyncio.timeout(5):
            while guard.is_shut:  # noqa: ASYNC110  # it has no event to wait for
                await asyncio.sleep(0.001)
        guard.failed("again")
        assert not guard.is_shut
        running.cancel()

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert answers == []
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "the database is unavailable, answering 503 until it is back: gone"
    assert said[-1].startswith("the database is back after ")


@pytest.mark.parametrize("is_away", [True, False])
async def test_after_a_failure_it_asks_whether_anything_listens(is_away: bool) -> None:
    asked = 0

    async def is_listening() -> bool:
        nonlocal asked
        asked += 1
        return not is_away

    guard = DatabaseGate(_never, is_listening=is_listening)
    running = asyncio.create_task(guard.run())
    guard.failed("a dead connection")
    async with asyncio.timeout(5):
        while not asked or (is_away and not guard.is_shut):  # noqa: ASYNC110  # no event to wait for
            await asyncio.sleep(0)
    assert guard.is_shut is is_away
    running.cancel()


async def test_it_shuts_though_something_listens() -> None:
    asked = 0

    async def is_listening() -> bool:
        nonlocal asked
        asked += 1
        return True

    guard = DatabaseGate(_never, is_listening=is_listening)
    running = asyncio.create_task(guard.run())
    for failures in (1, 2):
        guard.failed("no answer in time")
        async with asyncio.timeout(5):
            while asked < failures:  # noqa: ASYNC110  # no event to wait for
                await asyncio.sleep(0)
    assert not guard.is_shut
    guard.failed("no answer in time")
    assert guard.is_shut
    running.cancel()


def test_it_goes_on_when_it_cannot_ask_whether_anything_listens(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database_gate, "PROBE_INTERVAL_SECONDS", 0.001)

    async def is_listening() -> bool:
        raise ValueError("a bug")

    async def probe() -> None:
        pass

    async def run() -> None:
        guard = DatabaseGate(probe, is_listening=is_listening)
        running = asyncio.create_task(guard.run())
        guard.failed("gone")
        await asyncio.sleep(0)
        guard.failed("gone")
        guard.failed("gone")
        async with asyncio.timeout(5):
            while guard.is_shut:  # noqa: ASYNC110  # it has no event to wait for
                await asyncio.sleep(0.001)
        running.cancel()

    asyncio.run(run())
    assert "a bug" in caplog.text
