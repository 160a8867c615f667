"""Runs the main coroutine of a program that also runs users' code, and ends in bounded time whatever that left behind.

`asyncio.run` waits at its end for all tasks and for all threads of the loop's executor, and Python waits at its own end
for threads. So a coroutine that swallows cancellations, or a thread that never returns, would keep a program from
stopping. And a task that raises SystemExit would end the loop for all others.
"""

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

END_SECONDS = 2.0

T = TypeVar("T")

log = logging.getLogger(__name__)


def run_main(
    main: Coroutine[Any, Any, T],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop,
) -> T:
    """Returns or raises what `main` does. Other tasks on the loop are then cancelled and get `END_SECONDS`."""
    loop = loop_factory()
    asyncio.set_event_loop(loop)
    try:
        task = loop.create_task(main)
        while not task.done():
            try:
                loop.run_until_complete(task)
            except SystemExit:
                if task.done():
                    raise
                log.exception("something that a task left behind on the event loop tried to end the program")
            except KeyboardInterrupt:
                task.cancel()
        return task.result()
    finally:
        _end(loop)
        asyncio.set_event_loop(None)
        loop.close()


def end_without_threads(code: int = 0) -> None:
    """Ends the process now, with `code`, if Python would wait for a thread that does not end. Otherwise returns."""
    give_up = time.monotonic() + END_SECONDS
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, give_up - time.monotonic()))
            if thread.is_alive():
                log.warning("the thread %r does not end; ending without it", thread.name)
                logging.shutdown()
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if rest:
        _, stubborn = loop.run_until_complete(asyncio.wait(rest, timeout=END_SECONDS))
        if stubborn:
            log.warning("%d coroutines that tasks left behind do not end; ending without them", len(stubborn))
        for task in stubborn:
            # One line about them is enough.
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
    loop.run_until_complete(_shut_down_generators(loop))


async def _shut_down_generators(loop: asyncio.AbstractEventLoop) -> None:
    try:
        async with asyncio.timeout(END_SECONDS):
            await loop.shutdown_asyncgens()
    except TimeoutError:
        log.warning("generators that tasks left behind do not end; ending without them")
