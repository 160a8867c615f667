"""Sends httpx's requests to the API's own application in this process, which works on the database."""

import asyncio
from contextlib import AsyncExitStack

import httpx
from starlette.types import ASGIApp

from lapinq_api.local_app import local_app
from lapinq_core.runtime.settings import Settings


class LocalTransport(httpx.BaseTransport):
    """The application runs on an event loop of its own, and only while a request waits for it."""

    def __init__(self, settings: Settings, operator: str) -> None:
        self._runner = asyncio.Runner()
        self._is_over = asyncio.Event()
        self._transport, self._serving = self._runner.run(self._start(settings, operator))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._runner.run(self._send(request))

    def close(self) -> None:
        self._is_over.set()
        try:
            self._runner.run(asyncio.wait_for(self._serving, None))
        finally:
            self._runner.close()

    async def _start(
        self, settings: Settings, operator: str
    ) -> tuple[httpx.ASGITransport, asyncio.Task[None]]:
        opened: asyncio.Future[ASGIApp] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(self._serve(settings, operator, opened))
        await asyncio.wait((opened, serving), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        return httpx.ASGITransport(opened.result()), serving

    async def _serve(self, settings: Settings, operator: str, opened: asyncio.Future[ASGIApp]) -> None:
        """Opens and closes the application in one task, as its task group requires."""
        async with AsyncExitStack() as stack:
            opened.set_result(await stack.enter_async_context(local_app(settings, operator)))
            await self._is_over.wait()

    async def _send(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())
