"""The gate shuts after three failures in a row and opens when the database is back."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest

from lapinq_api.overload import database_gate
from lapinq_api.overload.database_gate import DatabaseGate
from tests.support.eventually import eventually_async


async def _never() -> None:
    raise psycopg.OperationalError


@asynccontextmanager
async def _running(gate: DatabaseGate) -> AsyncGenerator[None]:
    running = asyncio.create_task(gate.run())
    try:
        yield
    finally:
        running.cancel()


async def _comes_true(condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    await eventually_async(holds, timeout=5, interval=0.001)


def test_it_shuts_at_the_third_failure_in_a_row() -> None:
    gate = DatabaseGate(_never)
    gate.failed("no route")
    gate.failed("no route")
    gate.succeeded()
    gate.failed("no route")
    gate.failed("no route")
    assert not gate.is_shut
    gate.failed("no route")
    assert gate.is_shut


async def test_it_probes_until_the_database_is_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database_gate, "PROBE_INTERVAL_SECONDS", 0.001)
    answers: list[Exception | None] = [psycopg.OperationalError(), TimeoutError(), ValueError("a bug"), None]

    async def probe() -> None:
        if (error := answers.pop(0)) is not None:
            raise error

    caplog.set_level(logging.WARNING)
    gate = DatabaseGate(probe)
    async with _running(gate):
        for _ in range(3):
            gate.failed("gone")
        await _comes_true(lambda: not gate.is_shut)
        gate.failed("again")
        assert not gate.is_shut
    assert answers == []
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "the database is unavailable, answering 503 until it is back: gone"
    assert said[-1].startswith("the database is back after ")


class Listening:
    """Tells whether anything listens, or fails to, and counts how often it was asked."""

    def __init__(self, answer: bool | Exception) -> None:
        self.asked = 0
        self._answer = answer

    async def __call__(self) -> bool:
        self.asked += 1
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


async def test_after_a_failure_it_asks_whether_anything_listens_and_shuts_at_once_if_not() -> None:
    gate = DatabaseGate(_never, is_listening=Listening(False))
    async with _running(gate):
        gate.failed("a dead connection")
        await _comes_true(lambda: gate.is_shut)


async def test_it_shuts_at_the_third_failure_though_something_listens() -> None:
    is_listening = Listening(True)
    gate = DatabaseGate(_never, is_listening=is_listening)
    async with _running(gate):
        for failures in (1, 2):
            gate.failed("no answer in time")
            await _comes_true(lambda: is_listening.asked >= failures)  # noqa: B023
        assert not gate.is_shut
        gate.failed("no answer in time")
        assert gate.is_shut


async def test_it_goes_on_when_it_cannot_ask_whether_anything_listens(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database_gate, "PROBE_INTERVAL_SECONDS", 0.001)

    async def probe() -> None:
        pass

    gate = DatabaseGate(probe, is_listening=Listening(ValueError("a bug")))
    async with _running(gate):
        gate.failed("gone")
        await asyncio.sleep(0)
        gate.failed("gone")
        gate.failed("gone")
        await _comes_true(lambda: not gate.is_shut)
    assert "a bug" in caplog.text
