"""The event loops that coroutines of a test run on. A worker has uvloop's, unless it is missing."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

UVLOOP = ("asyncio", {"use_uvloop": True})
ASYNCIO = ("asyncio", {"use_uvloop": False})

on_both_loops = pytest.mark.parametrize("anyio_backend", [UVLOOP, ASYNCIO], ids=["uvloop", "asyncio"])


def own_tasks() -> list[asyncio.Task[Any]]:
    """The tasks on the loop, but for those of the plugin that runs tests, and so of the test itself."""
    return [task for task in asyncio.all_tasks() if "TestRunner." not in repr(task.get_coro())]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return UVLOOP


@pytest.fixture(autouse=True)
def nothing_is_left_unhandled(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a loop reports as not handled fails the test."""
    yield
    unhandled = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.name == "asyncio" and record.levelno >= logging.ERROR
    ]
    assert not unhandled
