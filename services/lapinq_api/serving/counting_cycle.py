"""uvicorn's request and response, whose bodies count among what clients have not read yet."""

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from lapinq_api.serving.connection_limits import UNCOUNTED_BYTES, Flow
from lapinq_api.wire.errors import Busy
from lapinq_api.wire.origins import SAFE_METHODS


class CountingCycle(RequestResponseCycle):
    """Keeps the head of a response until its body begins. Until then the response has not started."""

    _head: Message | None = None

    async def send(self, message: Message) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as Starlette types it
        """Raises `Busy` before the response has started, if too much is unread for a body as large as this one.

        The response to a change is sent in any case: after a refusal the client would repeat the change.
        """
        if message["type"] == "http.response.start" and not self.response_started:
            self._head = message
            return
        if len(message.get("body", b"")) > UNCOUNTED_BYTES:
            await self._send_counted(message)
            return
        head, self._head = self._head, None
        await self._write(head, message)

    async def _send_counted(self, message: Message) -> None:
        assert isinstance(self.flow, Flow), "as the connection has it"
        try:
            counted = self.flow.begin(len(message["body"]), may_refuse=self.scope["method"] in SAFE_METHODS)
        except Busy:
            if not self.response_started:
                raise
            self.transport.abort()  # the rest can't be sent
            return
        head, self._head = self._head, None
        try:
            await self._write(head, message)
        finally:
            self.flow.end(counted)

    async def _write(self, head: Message | None, message: Message) -> None:
        if head is not None:
            await super().send(head)  # pyright: ignore[reportArgumentType]
        await super().send(message)  # pyright: ignore[reportArgumentType]
