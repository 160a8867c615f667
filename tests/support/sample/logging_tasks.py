"""Tasks that log, and run until a test lets them end."""

import asyncio
import logging
import time
from pathlib import Path

from lapinq import current_task

_log = logging.getLogger("shop")


def say_and_wait(words: str, open_at: str) -> None:
    """Logs `words`, and ends once the file `open_at` exists."""
    current_task().log.info("%s", words)
    while not Path(open_at).exists():
        time.sleep(0.02)
    current_task().log.info("the last word")


def say_much_and_wait(open_at: str) -> str:
    """Logs three hundred lines, and one of another level once the file `open_at` exists; answers "seen"."""
    for number in range(300):
        current_task().log.info("line %s %s", number, "." * 80)
    while not Path(open_at).exists():
        time.sleep(0.02)
    current_task().log.warning("the last word")
    return "seen"


def say_and_fail(words: str) -> None:
    current_task().log.info("%s", words)
    raise ValueError(words)


async def asay_and_wait(words: str, open_at: str) -> None:
    current_task().log.info("%s", words)
    while not Path(open_at).exists():  # noqa: ASYNC110  # a file sets no event, and takes no time
        await asyncio.sleep(0.02)
    current_task().log.info("the last word")


async def asay(words: str) -> None:
    current_task().log.info("%s", words)


def report(words: str) -> None:
    """Logs with a logger of its own."""
    _log.warning("%s", words)


async def areport(words: str) -> None:
    """The same as a coroutine, and in a task that it starts."""
    _log.warning("%s", words)
    await asyncio.create_task(_report_on(words))


async def _report_on(words: str) -> None:
    _log.warning("%s", words)
