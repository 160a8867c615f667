"""Sends httpx's requests to the API's own application in this process, which works on the database."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from threading import Thread
from typing import Any, TypeVar

import httpx
from starlette.types import ASGIApp

from lapinq_api.local_app import local_app
from lapinq_core.runtime.settings import Settings

T = TypeVar("T")

_CLOSE_SECONDS = 10.0
"""The connections of the application have limits of a few seconds each."""


class LocalTransport(httpx.BaseTransport):
    """The application runs on an event loop in a thread of its own, until `close`.

    So it notices between two requests that the database went away or came back.
    """

    def __init__(self, settings: Settings, operator: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="application", daemon=True)
        self._thread.start()
        self._is_over = asyncio.Event()
        try:
            self._transport, self._serving = self._run(self._start(settings, operator))
        except BaseException:
            self._stop()
            raise

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._run(self._send(request))

    def close(self) -> None:
        """Gives up what has not ended in time: the process is about to end."""
        self._loop.call_soon_threadsafe(self._is_over.set)
        try:
            with suppress(TimeoutError):
                self._run(asyncio.wait_for(self._serving, _CLOSE_SECONDS))
        finally:
            self._stop()

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        running = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            return running.result()
        except BaseException:  # Ctrl-C
            running.cancel()
            raise

    def _stop(self) -> None:
        try:
            self._run(self._loop.shutdown_asyncgens())
            self._run(self._loop.shutdown_default_executor())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

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
