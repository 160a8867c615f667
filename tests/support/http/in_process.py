"""An application called without HTTP, for many requests whose way to it is of no concern: half of their cost."""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.types import Message, Scope


class InProcess:
    """Its event loop runs, in this thread, only while a request does."""

    def __init__(self, app: Starlette, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop

    def request(
        self, method: str, target: str, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """What is answered to somebody on this machine."""
        body = b"" if json is None else msgspec.json.encode(json)
        given = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **(headers or {})}
        if json is not None:
            given["Content-Type"] = "application/json"
        path, _, query = target.partition("?")
        scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        return self._loop.run_until_complete(self._answer(scope, body))

    async def _answer(self, scope: Scope, body: bytes) -> httpx.Response:
        sent: list[Message] = []
        waiting: list[Message] = [{"type": "http.request", "body": body}]

        async def receive() -> Message:
            return waiting.pop() if waiting else await asyncio.Future[Message]()

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        start, *parts = sent
        content = b"".join(part["body"] for part in parts)
        return httpx.Response(start["status"], headers=start["headers"], content=content)


@contextmanager
def in_process(app: Starlette) -> Generator[InProcess]:
    """Calls of `app`, whose lifespan lasts as long as the context."""
    loop = asyncio.new_event_loop()
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.router.lifespan_context(app):
            started.set()
            await stop.wait()

    living = loop.create_task(live())
    try:
        starting = loop.create_task(started.wait())
        loop.run_until_complete(asyncio.wait({living, starting}, return_when=asyncio.FIRST_COMPLETED))
        assert started.is_set(), living.exception()
        yield InProcess(app, loop)
    finally:
        stop.set()
        loop.run_until_complete(asyncio.wait({living}))
        loop.close()
