"""uvicorn's WebSocket with a limit that it lacks: how long a client may leave data unread.

uvicorn waits for such a client, even while closing, and answers its pings. Here a client that reads nothing for
`UNREAD_SECONDS` is disconnected, and so is one that doesn't answer a ping.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from lapinq_api.serving.stall_watch import StallWatch

if TYPE_CHECKING:
    from collections.abc import Callable

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
        self._stall_watch = StallWatch(self.loop, UNREAD_SECONDS)
        self.on_lost: Callable[[], None] = lambda: None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stall_watch.end()
        super().connection_lost(exc)
        self.on_lost()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()  # answers to pings would add to the unread data
        self._stall_watch.begin(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall_watch.end()
        if not self.read_paused:
            self.transport.resume_reading()

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        super().on_task_complete(task)
        self._stall_watch.begin(self.transport)  # closing waits until everything is read

    def keepalive_timeout(self) -> None:
        # A client that doesn't answer pings won't answer a close frame either.
        self.pong_timer = None
        self.transport.abort()
