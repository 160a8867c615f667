"""`/ws`: sends pages as they change, as HTML fragments, while the viewer's session lasts.

The first message authenticates: `{"type": "auth", "token": …}`. Without a token, the cookie of the handshake counts,
because pages can't read it. Then the server sends `cards`, `table` and `user` every two seconds, or soon after a
change, and messages change the filters of the table. That is the published protocol.

Our own pages send `{"type": "watch", "page": "tasks?queue=video"}`. From then on they get `parts`: the content of
those elements that changed. A viewer who reads too slowly is disconnected, so nothing accumulates for them.
"""

import asyncio
import logging
from typing import Any

import msgspec
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from lapinq_api.auth.cookies import token_in
from lapinq_api.auth.sessions import find_session
from lapinq_api.credentials.caller import work_for, work_for_address
from lapinq_api.dashboard.live.hub import Feed, Hub
from lapinq_api.dashboard.live.live_filters import change
from lapinq_api.dashboard.live.published import PUBLISHED
from lapinq_api.dashboard.live.token_bucket import TokenBucket
from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.rendering import audience_for
from lapinq_api.dashboard.page.view import PageAddress, View, Views
from lapinq_api.overload.fair_share import CALLER
from lapinq_api.state import State
from lapinq_api.wire.errors import Busy, Refused
from lapinq_api.wire.origins import is_same_origin
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.accounts.account import Actor, ActorKind
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.people.sessions import Session
from lapinq_core.runtime.loops import pause_for

AUTH_SECONDS = 5.0
CHECK_SECONDS = 2.0
"""Between two checks of a session, unless a change is announced."""
SEND_SECONDS = 10.0
MAX_MESSAGE = 16 * 1024
MESSAGE_BURST = 40
MESSAGE_SECONDS = 0.1
"""Per message after the burst. Further messages stay unread, finally in the sender's kernel."""

GOING_AWAY = 1001
POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013

log = logging.getLogger(__name__)


def routes(state: State, views: Views) -> list[WebSocketRoute]:
    return [WebSocketRoute("/ws", LiveEndpoint(state, views))]


class LiveEndpoint:
    """Accepts viewers up to the limit."""

    def __init__(self, state: State, views: Views) -> None:
        self._state = state
        self._views = views
        self._hub = Hub(state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._accept(WebSocket(scope, receive, send))
        except WebSocketDisconnect:
            pass
        except TimeoutError:
            # Without a message, which they wouldn't read either. The server disconnects them.
            log.info("a viewer did not read in time")

    async def _accept(self, socket: WebSocket) -> None:
        if not is_same_origin(socket.scope):
            await socket.close(POLICY_VIOLATION)  # before accepting: the handshake gets a 403
            return
        viewer = _Viewer(self._state, self._views, self._hub, socket)
        work_for_address(socket.scope)
        try:
            # A client that doesn't authenticate only takes a place from others like it.
            with self._state.unauthenticated.hold(CALLER.get()):
                await socket.accept()
                token = await viewer.authenticate()
            if token is not None:
                with self._state.viewers.hold(CALLER.get()):
                    await viewer.run(token)
        except Busy as error:
            if socket.application_state is WebSocketState.CONNECTING:
                await socket.accept()
            await socket.close(TRY_AGAIN_LATER, str(error))


class _Viewer:
    """One connection."""

    def __init__(self, state: State, views: Views, hub: Hub, socket: WebSocket) -> None:
        self._state = state
        self._views = views
        self._hub = hub
        self._socket = socket
        self._watched: tuple[View, PageAddress] = (PUBLISHED, PageAddress({}, {}))
        self._changed = asyncio.Event()  # set when something else is watched
        self._gone = asyncio.Event()
        self._user: dict[str, str] = {}
        self._payloads = state.payloads.for_(_ANONYMOUS)

    async def authenticate(self) -> str | None:
        """The token of a valid session; None, after closing, if the first message has none or is late."""
        token = await self._authenticated()
        if token is None:
            await self._close(POLICY_VIOLATION, "the first message must be an auth with a valid token")
        return token

    async def run(self, token: str) -> None:
        """Sends the viewer what they watch, while the session of `token` lasts."""
        reading = asyncio.create_task(self._read())
        try:
            await self._show(token)
        finally:
            reading.cancel()
            await asyncio.wait((reading,))

    async def _authenticated(self) -> str | None:
        """The token of a valid session; None if the first message has none or is late."""
        try:
            async with asyncio.timeout(AUTH_SECONDS):
                message = await self._receive()
        except (TimeoutError, InvalidValue):
            return None
        token = message.get("token") or token_in(self._socket.scope)
        if message.get("type") != "auth" or not isinstance(token, str):
            return None
        try:
            session = await find_session(self._state, self._socket.scope, token)
        except DatabaseUnavailable:
            await self._close(TRY_AGAIN_LATER, "the database is unavailable")
            return None
        if session is None:
            return None
        work_for(session.actor)
        self._payloads = self._state.payloads.for_(session.actor)
        return token

    async def _show(self, token: str) -> None:
        """Sends updates of the watched parts. Starts over when these or the viewer's permissions change."""
        while not self._has_ended:
            access_changes = self._state.access_changes.next()
            try:
                session = await find_session(self._state, self._socket.scope, token)
            except DatabaseUnavailable:
                if self._watched[0] is not PUBLISHED:
                    await self._send({"away": True})  # the page keeps its content and says so
                await pause_for(CHECK_SECONDS, self._gone, self._state.stopping)
                continue
            if session is None:
                await self._close(POLICY_VIOLATION, "the session has ended")
                return
            self._payloads = self._state.payloads.for_(session.actor)
            view, address = self._watched
            self._changed.clear()
            if view is PUBLISHED:
                # Their permission to search may have been removed meanwhile.
                address = PageAddress(
                    {}, self._payloads.searchable(address.query, [address.query.get("queue")])
                )
            audience = audience_for(self._state, self._socket.scope, session.actor)
            refusal = self._refusal_of(view, address, session)
            if refusal is not None:
                await self._send({"error": refusal})
                await pause_for(CHECK_SECONDS, self._changed, self._gone, self._state.stopping)
                continue
            with self._hub.watching(view, address, audience) as feed:
                await self._follow(feed, session, audience, token, access_changes)
        await self._close(GOING_AWAY, "the server stops")

    def _refusal_of(self, view: View, address: PageAddress, session: Session) -> str | None:
        """Why they may not see that; None if they may."""
        if view.needs_admin and not session.actor.is_admin:
            return "only an admin may see this page"
        try:
            view.check_viewer(self._state, session.actor, address)
        except (InvalidValue, Refused) as error:
            return str(error)
        return None

    async def _follow(
        self, feed: Feed, session: Session, audience: Audience, token: str, access_changes: asyncio.Event
    ) -> None:
        """Sends the feed's updates until the viewer watches something else, or their session changes."""
        is_published = self._watched[0] is PUBLISHED
        loop = asyncio.get_running_loop()
        checked = loop.time()
        sent, updates = None, -1
        if not is_published:
            await self._send_user(session)
        while not (self._has_ended or self._changed.is_set()):
            turn = feed.next()
            shown = feed.shown_to(audience)
            if is_published and shown is not None:
                if feed.problem is None and updates != feed.update_count:
                    await self._send({**shown.parts, "user": _user(session)})
            elif feed.problem is not None and not is_published:
                await self._send(_problem(feed.problem))
                sent = None  # the next update must tell that the problem is over, even if nothing changed
            elif shown is not None and shown is not sent:
                news = shown.changes_since(sent)
                sent = shown
                if news is not None:
                    await self._send_text(news)
            updates = feed.update_count
            await pause_for(
                CHECK_SECONDS, turn, access_changes, self._changed, self._gone, self._state.stopping
            )
            if access_changes.is_set() or loop.time() - checked >= CHECK_SECONDS:
                access_changes = self._state.access_changes.next()
                checked = loop.time()
                try:
                    if await find_session(self._state, self._socket.scope, token) != session:
                        return
                except DatabaseUnavailable:
                    return

    async def _send_user(self, session: Session) -> None:
        if self._user != _user(session):
            self._user = _user(session)
            await self._send({"user": self._user})

    @property
    def _has_ended(self) -> bool:
        return self._gone.is_set() or self._state.stopping.is_set()

    async def _read(self) -> None:
        """Handles the viewer's messages until they disconnect."""
        bucket = TokenBucket(MESSAGE_BURST, MESSAGE_SECONDS)
        try:
            while True:
                await asyncio.sleep(bucket.delay())
                try:
                    self._watched = self._watching(await self._receive())
                except InvalidValue as error:
                    await self._send({"error": f"{error.loc or 'the message'} {error.msg}"})
                except Refused as error:
                    await self._send({"error": str(error)})
                else:
                    self._changed.set()
        except (WebSocketDisconnect, TimeoutError):
            self._gone.set()

    def _watching(self, message: dict[str, Any]) -> tuple[View, PageAddress]:
        """What to watch after `message`. Raises `InvalidValue` and `Refused`."""
        if message.get("type") == "watch":
            page = message.get("page")
            if not isinstance(page, str):
                raise InvalidValue("page", "must be a string")
            return self._views.find(f"/{page.lstrip('/')}")
        view, address = self._watched
        filters = change(dict(address.query) if view is PUBLISHED else {}, message)
        self._payloads.check_search(filters, [filters.get("queue")])
        return PUBLISHED, PageAddress({}, filters)

    async def _receive(self) -> dict[str, Any]:
        """The next message. Raises `InvalidValue` unless it is a small JSON object."""
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received["code"], received.get("reason"))
        content: str | bytes = received.get("text") or received.get("bytes") or b""
        if len(content) > MAX_MESSAGE:
            raise InvalidValue("", f"must not be larger than {MAX_MESSAGE} bytes")
        try:
            return _message.decode(content)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise InvalidValue("", "must be a JSON object") from error

    async def _send(self, content: dict[str, Any]) -> None:
        await self._send_text(msgspec.json.encode(content).decode())

    async def _send_text(self, content: str) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._socket.send_text(content)

    async def _close(self, code: int, reason: str) -> None:
        if not self._gone.is_set():
            self._gone.set()
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.close(code, reason)


def _user(session: Session) -> dict[str, str]:
    return {"username": session.username, "role": session.role}


def _problem(error: Exception) -> dict[str, Any]:
    return {"away": True} if isinstance(error, DatabaseUnavailable) else {"error": str(error)}


_ANONYMOUS = Actor(kind=ActorKind.USER, name="a stranger")
_message = msgspec.json.Decoder(dict[str, Any])
