"""Refuses a WebSocket with the error response that an HTTP request would get."""

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from lapinq_api.wire.errors import answer


async def refuse_socket(scope: Scope, receive: Receive, send: Send, error: Exception) -> None:
    """Rejects the handshake with the response for `error`, or with 403 if the server can't send that."""
    socket = WebSocket(scope, receive, send)
    refusal = answer(error)
    if refusal is not None and "websocket.http.response" in scope.get("extensions", {}):
        await socket.send_denial_response(refusal)
    else:
        await socket.close()
