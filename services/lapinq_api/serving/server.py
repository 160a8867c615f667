"""Runs an application under uvicorn until a signal arrives, with our signal handling, logs and exit codes.

The first SIGTERM or SIGINT stops gracefully: it closes the sockets, finishes requests, and the lifespan stops the
embedded services. The second makes them end immediately; what still runs soon after is cancelled.
"""

import asyncio
import gc
import logging
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial

import uvicorn
from starlette.applications import Starlette

from lapinq_api.app import announce_stop, force_stop
from lapinq_api.serving.connection_limits import ConnectionLimits
from lapinq_api.serving.listening import BACKLOG
from lapinq_api.serving.protocol import HttpProtocol
from lapinq_api.serving.socket_protocol import SocketProtocol
from lapinq_core.domain.errors import LapinqError
from lapinq_core.runtime import exits
from lapinq_core.runtime.signals import stop_signals

REQUESTS_GRACE_SECONDS = 5
FORCED_STOP_SECONDS = 20.0
YOUNG_OBJECTS = 10_000
"""More than the requests in flight have, so that few of these are looked at before they end."""


class StartFailed(LapinqError):
    """The server could not start; see the log."""


def serve(app: Starlette, sockets: Sequence[socket.socket], *, on_started: Callable[[], None]) -> int:
    """Serves `app` on `sockets` until it is told to stop. Returns the exit code. Raises `StartFailed`."""
    config = uvicorn.Config(
        app,
        loop="auto",
        http=partial(HttpProtocol, limits=ConnectionLimits(app.state.shared.settings)),  # pyright: ignore[reportArgumentType]  # called as the class would be
        ws=SocketProtocol,
        ws_max_size=64 * 1024,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # `ProxyHeaders` does it for the proxies in the settings. uvicorn would trust this machine.
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=REQUESTS_GRACE_SECONDS,
    )
    server = _Server(config, on_started)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        return runner.run(_until_stopped(app, server, list(sockets)))


async def _until_stopped(app: Starlette, server: "_Server", sockets: list[socket.socket]) -> int:
    with stop_signals() as signals:
        serving = asyncio.create_task(server.serve(sockets))
        await _first(serving, signals.asked)
        server.should_exit = True
        announce_stop(app)
        await _first(serving, signals.insisted)
        if not serving.done():
            force_stop(app)
            await asyncio.wait((serving,), timeout=FORCED_STOP_SECONDS)
        if not serving.done():
            logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # it would log every cancellation
            return exits.INSISTED  # the runner cancels the rest
        serving.result()
        return exits.FAILED if server.lifespan_failed else 0


async def _first(task: asyncio.Task[None], event: asyncio.Event) -> None:
    waiting = asyncio.ensure_future(event.wait())
    await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


class _Server(uvicorn.Server):
    """uvicorn's server without its handling of signals and exits."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @property
    def lifespan_failed(self) -> bool:
        return bool(getattr(self.lifespan, "error_occurred", False))

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as error:
            raise StartFailed from error
        if self.started:
            _spare_what_lasts()
            self._on_started()

    async def on_tick(self, counter: int) -> bool:
        # Without its lifespan the application only answers 503. Exit, to be restarted.
        return await super().on_tick(counter) or self.lifespan_failed


def _spare_what_lasts() -> None:
    """Lets the garbage collector skip what the start has made, which lives as long as the process.

    Else each full collection takes tens of milliseconds, in which no request is answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
