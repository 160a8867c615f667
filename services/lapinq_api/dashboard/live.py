"""`/ws`: the overview as it changes, as fragments of HTML, for as long as the viewer's session holds.

The first message authenticates: `{"type": "auth", "token": …}`; without a token the cookie of the handshake counts,
which a page can't read. Then `cards`, `table` and `user` are sent every two seconds, or soon after something changed,
and messages change the filters of the table. A viewer who reads too slowly is let go: nothing piles up for them.
"""

import asyncio
import logging
from typing import Any

import msgspec
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from lapinq_api.auth.cookies import token_in
from lapinq_api.auth.sessions import find_session
from lapinq_api.dashboard.live_filters import as_filter, change
from lapinq_api.dashboard.page import fragment
from lapinq_api.dashboard.pages import TASKS_SHOWN, total
from lapinq_api.database import LIST_BUDGET_SECONDS
from lapinq_api.errors import Overloaded, Refused
from lapinq_api.middleware.same_origin import is_same_origin
from lapinq_api.state import State
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.account import Actor, ActorKind
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.queue import inspect
from lapinq_core.runtime.loops import pause_for
from lapinq_core.store.sessions import Session

AUTH_SECONDS = 10.0
INTERVAL_SECONDS = 2.0
LEAST_INTERVAL_SECONDS = 0.25
SEND_SECONDS = 10.0
LARGEST_MESSAGE = 16 * 1024

GOING_AWAY = 1001
POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013

log = logging.getLogger(__name__)


def routes(state: State) -> list[WebSocketRoute]:
    return [WebSocketRoute("/ws", LiveEndpoint(state))]


class LiveEndpoint:
    """Takes viewers in, as many as there are places."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._take_in(WebSocket(scope, receive, send))
        except WebSocketDisconnect:
            pass
        except TimeoutError:
            # Not even told so, for that would be one more thing that they don't read. The server cuts them off.
            log.info("a viewer did not read in time")

    async def _take_in(self, socket: WebSocket) -> None:
        if not is_same_origin(socket.scope):
            await socket.close(POLICY_VIOLATION)  # before it is accepted: the handshake is answered 403
            return
        try:
            with self._state.viewers.take():
                await socket.accept()
                await _Viewer(self._state, socket).run()
        except Overloaded:
            await socket.accept()
            await socket.close(TRY_AGAIN_LATER, "too many viewers")


class _Viewer:
    """One connection."""

    def __init__(self, state: State, socket: WebSocket) -> None:
        self._state = state
        self._socket = socket
        self._filters: dict[str, str] = {}
        self._payloads = state.payloads.for_(_STRANGER)
        self._changed = asyncio.Event()  # the filters
        self._gone = asyncio.Event()

    async def run(self) -> None:
        token = await self._authenticated()
        if token is None:
            await self._close(POLICY_VIOLATION, "the first message must be an auth with a valid token")
            return
        reading = asyncio.create_task(self._read())
        try:
            await self._show(token)
        finally:
            reading.cancel()
            await asyncio.wait((reading,))

    async def _authenticated(self) -> str | None:
        """The token of a session that holds, None when the first message brings none in time."""
        try:
            async with asyncio.timeout(AUTH_SECONDS):
                message = await self._receive()
        except (TimeoutError, InvalidValue):
            return None
        token = message.get("token") or token_in(self._socket.scope)
        if message.get("type") != "auth" or not isinstance(token, str):
            return None
        try:
            session = await find_session(self._state, token)
        except DatabaseUnavailable:
            await self._close(TRY_AGAIN_LATER, "the database is away")
            return None
        if session is None:
            return None
        self._payloads = self._state.payloads.for_(session.actor)
        return token

    async def _show(self, token: str) -> None:
        while not (self._gone.is_set() or self._state.stopping.is_set()):
            news = self._state.changes.next()
            self._changed.clear()
            try:
                async with self._state.looks:
                    session = await find_session(self._state, token)
                    shown = await self._fragments(session) if session else None
                if shown is None:
                    await self._close(POLICY_VIOLATION, "the session has ended")
                    return
                await self._send(shown)
            except DatabaseUnavailable:
                pass  # the page shows what it has
            await pause_for(LEAST_INTERVAL_SECONDS, self._gone, self._state.stopping)
            await pause_for(INTERVAL_SECONDS, news, self._changed, self._gone, self._state.stopping)
        await self._close(GOING_AWAY, "the server stops")

    async def _fragments(self, session: Session) -> dict[str, Any]:
        # What they may search is asked anew each time: a permission that is taken away ends the search at once.
        self._payloads = self._state.payloads.for_(session.actor)
        self._filters = self._payloads.searchable(self._filters)
        run = self._state.database.within
        queues = await run(LIST_BUDGET_SECONDS, inspect.count_queues)
        tasks = await run(LIST_BUDGET_SECONDS, inspect.newest_tasks, as_filter(self._filters), TASKS_SHOWN)
        shown = inspect.Overview(queues, tasks)
        return {
            "cards": fragment("fragments/cards.html", shown=shown, total=total(queues)),
            "table": fragment("fragments/table.html", shown=shown),
            "user": {"username": session.username, "role": session.role},
        }

    async def _read(self) -> None:
        """Takes in what the viewer sends, until they are gone."""
        try:
            while True:
                try:
                    changed = change(self._filters, await self._receive())
                    self._payloads.check_search(changed)
                    self._filters = changed
                except InvalidValue as error:
                    await self._send({"error": f"{error.loc or 'the message'} {error.msg}"})
                except Refused as error:
                    await self._send({"error": str(error)})
                else:
                    self._changed.set()
        except (WebSocketDisconnect, TimeoutError):
            self._gone.set()

    async def _receive(self) -> dict[str, Any]:
        """A message. Raises `InvalidValue` for anything but a small JSON object."""
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received["code"], received.get("reason"))
        content: str | bytes = received.get("text") or received.get("bytes") or b""
        if len(content) > LARGEST_MESSAGE:
            raise InvalidValue("", f"must not be larger than {LARGEST_MESSAGE} bytes")
        try:
            return _message.decode(content)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise InvalidValue("", "must be a JSON object") from error

    async def _send(self, content: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._socket.send_text(msgspec.json.encode(content).decode())

    async def _close(self, code: int, reason: str) -> None:
        if not self._gone.is_set():
            self._gone.set()
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.close(code, reason)


_STRANGER = Actor(kind=ActorKind.USER, name="a stranger")
_message = msgspec.json.Decoder(dict[str, Any])
