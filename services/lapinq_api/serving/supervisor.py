"""Starts several server processes that share an address, and replaces those that die.

Each has its own sockets on the address, event loop, connections to the database, caches and limits. Only the first runs
the embedded services. The parent serves nothing: it owns the sockets and the embedded database, forwards signals, and
ends when its children have ended. A child that loses its parent stops, too.

A child that fails before all have started for the first time makes the whole program fail, as a single server does.
Later, a dead child is replaced immediately, and after a pause if it has lived for less than `SHORT_LIFE_SECONDS`.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import msgspec

from lapinq_api.serving.server import FORCED_STOP_SECONDS, REQUESTS_GRACE_SECONDS
from lapinq_api.serving.share import OPTION, Share
from lapinq_core.runtime.loops import pause_for
from lapinq_core.runtime.signals import stop_signals

SHORT_LIFE_SECONDS = 10.0
PAUSE_SECONDS = 2.0
_KILL_SECONDS = FORCED_STOP_SECONDS + 2 * REQUESTS_GRACE_SECONDS

log = logging.getLogger(__name__)


def supervise(
    sockets: Sequence[Sequence[socket.socket]],
    env: Mapping[str, str],
    on_started: Callable[[str], None],
    *,
    has_random_secret: bool,
) -> int:
    """Runs this program again for each of `sockets`, with `env` added to its environment, until it is told to stop.

    Calls `on_started` with what the first child wants to have printed when all have started. Returns the exit code.
    """
    supervisor = _Supervisor(sockets, env, on_started, has_random_secret=has_random_secret)
    return asyncio.run(supervisor.run())


class _Supervisor:
    def __init__(
        self,
        sockets: Sequence[Sequence[socket.socket]],
        env: Mapping[str, str],
        on_started: Callable[[str], None],
        *,
        has_random_secret: bool,
    ) -> None:
        self._sockets = sockets
        self._has_random_secret = has_random_secret
        self._env = {**os.environ, **env}
        self._on_started = on_started
        self._life, self._life_end = os.pipe()
        self._children: dict[int, asyncio.subprocess.Process] = {}
        self._hellos: dict[int, str] = {}
        self._stopping = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        with stop_signals() as signals:
            keepers = [asyncio.create_task(self._keep(number)) for number in range(len(self._sockets))]
            ended = asyncio.gather(*keepers)
            await _first(ended, signals.asked, self._stopping)
            self._stopping.set()
            self._close_sockets()
            self._send(signal.SIGTERM)
            await _first(ended, signals.insisted)
            if not ended.done():
                self._send(signal.SIGTERM)
                await asyncio.wait(keepers, timeout=_KILL_SECONDS)
                self._send(signal.SIGKILL)
            await ended
        return self._code

    async def _keep(self, number: int) -> None:
        """Runs the child of that number, and another one when it has ended, until the program stops."""
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._run_child(number)
            if self._stopping.is_set():
                self._note(code)
            elif not self._all_have_started():
                self._note(code or 1)
                self._stopping.set()
            else:
                log.error("process %d of the server ended with %s; starting another", number, _told(code))
                if time.monotonic() - began < SHORT_LIFE_SECONDS:
                    await pause_for(PAUSE_SECONDS, self._stopping)

    async def _run_child(self, number: int) -> int:
        told, tell = os.pipe()
        share = Share(
            number=number,
            parent=os.getpid(),
            life=self._life,
            started=tell,
            sockets=[one.fileno() for one in self._sockets[number]],
            has_random_secret=self._has_random_secret,
        )
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                *sys.orig_argv[1:],
                OPTION,
                msgspec.json.encode(share).decode(),
                env=self._env,
                pass_fds=(self._life, tell, *share.sockets),
                # Ctrl-C would reach it twice: from the terminal and from here.
                start_new_session=True,
            )
        except OSError as error:
            log.error("cannot start process %d of the server: %s", number, error)  # noqa: TRY400
            os.close(told)
            return 1
        finally:
            os.close(tell)
        self._children[number] = child
        if self._stopping.is_set():
            child.terminate()
        try:
            await self._hear(number, told)
            return await child.wait()
        finally:
            del self._children[number]

    async def _hear(self, number: int, told: int) -> None:
        """Returns when the child has started, or has ended before."""
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(told, "rb"))
        hello = (await reader.readline()).decode()
        pipe.close()
        if hello and not self._all_have_started():
            self._hellos[number] = hello.rstrip("\n")
            if self._all_have_started():
                self._on_started(self._hellos[0])
        elif hello:
            log.info("process %d of the server has started again", number)

    def _all_have_started(self) -> bool:
        return len(self._hellos) == len(self._sockets)

    def _close_sockets(self) -> None:
        """Else clients would wait for an answer from a server that accepts no more."""
        for sockets in self._sockets:
            for one in sockets:
                one.close()

    def _send(self, number: int) -> None:
        for child in self._children.values():
            with suppress(ProcessLookupError):
                child.send_signal(number)

    def _note(self, code: int) -> None:
        """The first failure decides the exit code. SIGTERM is none: a child may get it before it listens to it."""
        if self._code == 0 and code != -signal.SIGTERM:
            self._code = 128 - code if code < 0 else code


def _told(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


async def _first(ended: asyncio.Future[list[None]], *events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait((ended, *waiting), return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()
