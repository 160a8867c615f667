"""What carries calls to lapinq and brings the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lapinq._client.settings import ServerSettings

if TYPE_CHECKING:
    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call


class Transport(Protocol):
    """Makes a call once: whether to repeat it is decided above. Raises `ServerUnavailable` if there is no answer.

    `send` is for plain code and `asend` for coroutines, so that a task can be enqueued from either, whichever queue it
    belongs to. `timeout` is in seconds. Connections open with the first call, and again with a call after the close.
    """

    @property
    def max_in_batch(self) -> int | None:
        """A batch of more tasks is refused. None: there is no limit."""
        ...

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer: ...

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer: ...

    def close(self) -> None: ...

    async def aclose(self) -> None:
        """Close what the running event loop uses, and what plain code uses."""
        ...


class Reachable(ServerSettings, Protocol):
    """A queue, as far as refs need it."""

    @property
    def transport(self) -> Transport: ...
