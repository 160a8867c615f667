"""What one process needs to call the database: an event loop in a thread, connections, batching, waiting.

Plain code and the coroutines of any event loop share it, so that simultaneous calls share statements.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotYet
from typing import TYPE_CHECKING, Any, TypeVar

from lapinq._client.database.pooled import NotSent, Pooled
from lapinq_core.batching.enqueue_batcher import EnqueueBatcher
from lapinq_core.batching.waiting import Result, ResultWaits
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.db.notify.channels import DONE_CHANNEL, WAIT_CHANNEL
from lapinq_core.db.notify.listener import Listener
from lapinq_core.db.notify.notifier import Notifier, joined
from lapinq_core.tasks.due_notices import delayed_notifier

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

T = TypeVar("T")

START_SECONDS = 10.0
END_SECONDS = 5.0
IDLE_SECONDS = 2.0
"""How long it goes on listening when nobody waits."""
CHECK_SECONDS = 1.0


class Running:
    """The parts, while the event loop runs. Only its thread uses them."""

    def __init__(self, url: str, group: asyncio.TaskGroup) -> None:
        self._url = url
        self._group = group
        self._stop = asyncio.Event()
        self.database = Pooled(url)
        self.notifier = Notifier(self.database.pool)
        self.delayed = delayed_notifier(self.database.pool)
        self._interest = Notifier(self.database.pool, WAIT_CHANNEL, joined)
        self.batcher = EnqueueBatcher(self.database, self.notifier, self.delayed, group)
        self.waits = ResultWaits(self.database, self._interest.wake, self._stop)
        self._background = [
            group.create_task(part.run())
            for part in (self.notifier, self.delayed, self._interest, self.waits)
        ]
        self._listening: asyncio.Task[None] | None = None
        self._waiting = 0
        self._idle: asyncio.TimerHandle | None = None

    async def result(self, task_id: str, seconds: float) -> Result | None:
        """As `ResultWaits.result`. While somebody waits, and shortly after, a connection listens."""
        self._waiting += 1
        self._listen()
        try:
            return await self.waits.result(task_id, seconds, asyncio.Event().wait)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._stop_listening)

    def _listen(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._listening is None:
            listener = Listener(self._url, "lapinq client listen")
            listener.subscribe(DONE_CHANNEL, self.waits.on_notify)
            self._listening = self._group.create_task(listener.run(self._stop))

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None

    def end(self) -> None:
        self._stop.set()
        for task in self._background:
            task.cancel()
        self._stop_listening()


class Process:
    """Starts with the first call, and ends with `close` or the process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: Running | None = None
        self._ended: asyncio.Event | None = None
        # A daemon: it must not keep a program from ending that doesn't close its queue.
        self._thread = threading.Thread(target=self._run, name="lapinq client", daemon=True)

    def start(self) -> None:
        """Called once."""
        self._thread.start()

    @property
    def is_started(self) -> bool:
        return self._started.is_set()

    def wait_until_started(self) -> None:
        self._started.wait(START_SECONDS)

    @property
    def is_over(self) -> bool:
        return self._started.is_set() and not self._thread.is_alive()

    def check(self) -> None:
        """Raises `DatabaseUnavailable` if its thread died: then no answer comes."""
        if self.is_over:
            raise DatabaseUnavailable("the client's thread has ended")

    def submit(self, call: Callable[[Running], Coroutine[Any, Any, T]]) -> Future[T]:
        """Raises `NotSent` if it has ended."""
        if not self._started.wait(START_SECONDS) or self._running is None or self._loop is None:
            raise NotSent("the client's thread does not run")
        coroutine = call(self._running)
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError as error:  # closed meanwhile
            coroutine.close()
            raise NotSent("the queue was closed") from error

    def result(self, future: Future[T]) -> T:
        """Waits in plain code. The call itself has a limit; this one is for a thread that died."""
        try:
            while True:
                try:
                    return future.result(CHECK_SECONDS)
                except NotYet:
                    if future.done():
                        raise  # the call's own
                    self.check()
        except CancelledError:
            raise DatabaseUnavailable("the queue was closed") from None
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Waits until it has ended, for `END_SECONDS` at most."""
        if self._loop is not None and self._ended is not None and self._thread.is_alive():
            try:
                self._loop.call_soon_threadsafe(self._ended.set)
            except RuntimeError:  # its loop is closed
                return
            self._thread.join(END_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        finally:
            self._running = None
            self._started.set()

    async def _main(self) -> None:
        self._ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            running = Running(self._url, group)
            self._loop, self._running = asyncio.get_running_loop(), running
            self._started.set()
            await self._ended.wait()
            self._running = None
            running.end()
        await running.database.close()
