"""How the handshake of a WebSocket is refused."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket


async def refuse_socket(scope: Scope, receive: Receive, send: Send, refusal: Response | None) -> None:
    """Rejects the handshake with `refusal`, or with 403 if there is none or the server can't send it."""
    socket = WebSocket(scope, receive, send)
    if refusal is not None and "websocket.http.response" in scope.get("extensions", {}):
        await socket.send_denial_response(refusal)
    else:
        await socket.close()
