"""uvicorn's WebSocket, with a bound on what it leaves unbounded: how long somebody may leave unread what was written.

Its own way is to wait for them, also while it closes the connection, and to answer their pings meanwhile. Whoever takes
nothing for `UNREAD_SECONDS` is cut off, and so is whoever answers no ping.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from lapinq_api.serving.unread import UnreadWatch

UNREAD_SECONDS = 15.0


class SocketProtocol(WebSocketsSansIOProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._unread = UnreadWatch(self.loop, UNREAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unread.end()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()  # each ping adds to what is unread
        self._unread.begin(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread.end()
        if not self.read_paused:
            self.transport.resume_reading()

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        super().on_task_complete(task)
        self._unread.begin(self.transport)  # closing takes until everything is read

    def keepalive_timeout(self) -> None:
        # Who doesn't answer does not take a farewell either.
        self.pong_timer = None
        self.transport.abort()
