"""A program that leads its own session and process group, so that a kill also takes what it started.

It is reaped only after that: until then no other process can get its id.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence

from lapinq_core.runtime.threads import any_thread

EXIT_SECONDS = 5.0


class ProcessGroup:
    """`on_exit` is called on the event loop when the program has ended."""

    def __init__(self, command: Sequence[str], pass_fds: Sequence[int], on_exit: Callable[[], None]) -> None:
        """Starts it, in the event loop's thread: the kernel kills the child when the thread that started it ends."""
        self._on_exit = on_exit
        self._exited = asyncio.Event()
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, pass_fds=pass_fds, start_new_session=True
        )
        threading.Thread(
            target=self._wait_for_exit,
            args=(asyncio.get_running_loop(),),
            name="lapinq child watch",
            daemon=True,
        ).start()

    @property
    @any_thread
    def pid(self) -> int:
        return self._process.pid

    @property
    @any_thread
    def is_reaped(self) -> bool:
        """Whether its id may belong to another process by now."""
        return self._process.returncode is not None

    @any_thread
    def signal(self, number: int) -> None:
        """Sends a signal to the program alone."""
        if not self.is_reaped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    @any_thread
    def kill(self) -> None:
        """Kills the whole group."""
        if not self.is_reaped:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def exited(self) -> None:
        """Returns when the program has ended."""
        await self._exited.wait()

    async def end(self) -> int:
        """Kills the group and reaps the program. Returns its exit code, negative for a signal."""
        self.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXIT_SECONDS):
                await self._exited.wait()
        return -signal.SIGKILL if self._process.poll() is None else self._process.returncode

    def _wait_for_exit(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._has_exited)

    def _has_exited(self) -> None:
        self._exited.set()
        self._on_exit()
