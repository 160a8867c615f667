"""The transport to a database: hands calls to the thread of this process, and waits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import weakref
from typing import TYPE_CHECKING

from lapinq._client.database.calls import CallRefused, prepared
from lapinq._client.database.pooled import NotSent
from lapinq._client.database.process import CHECK_SECONDS, Process
from lapinq.errors import ServerUnavailable
from lapinq_core.db.errors import DatabaseReadOnly, DatabaseUnavailable
from lapinq_core.db.url_check import check_url
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.hosts.database_url import libpq_url, place_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call
    from lapinq._client.settings import ServerSettings


class Direct:
    """For any number of threads and event loops. A forked child gets its own thread and connections."""

    max_in_batch: int | None = None

    def __init__(self) -> None:
        self._processes: dict[tuple[int, str], Process] = {}

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        with _translated_errors(server):
            try:
                work = prepared(call, timeout)
            except CallRefused as refused:
                return refused.answer
            process = self._process(server.server_url)
            return process.result(process.submit(work))

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        with _translated_errors(server):
            try:
                work = prepared(call, timeout)
            except CallRefused as refused:
                return refused.answer
            process = self._process(server.server_url)
            if not process.is_started:
                await asyncio.to_thread(process.wait_until_started)
            answer = asyncio.wrap_future(process.submit(work))
            try:
                while not answer.done():
                    await asyncio.wait({answer}, timeout=CHECK_SECONDS)
                    process.check()
            except BaseException:
                answer.cancel()
                raise
            if answer.cancelled():
                raise DatabaseUnavailable("the queue was closed")
            return answer.result()

    def close(self) -> None:
        for key in [key for key in self._processes if key[0] == os.getpid()]:
            process = self._processes.pop(key, None)
            if process is not None:
                process.close()

    async def aclose(self) -> None:
        await asyncio.to_thread(self.close)

    def _process(self, url: str) -> Process:
        key = (os.getpid(), url)
        process = self._processes.get(key)
        if process is not None and not process.is_over:
            return process
        if process is not None:
            self._processes.pop(key, None)
        try:
            check_url(libpq_url(url))
        except InvalidValue as error:
            raise ValueError(f"server_url is not valid: {error.msg}") from None
        # No lock: a fork could copy one that a thread holds which the child doesn't have.
        fresh = Process(libpq_url(url))
        process = self._processes.setdefault(key, fresh)
        if process is fresh:
            weakref.finalize(self, _close_in_own_process, fresh, key[0])
            fresh.start()
        return process


def _close_in_own_process(process: Process, pid: int) -> None:
    if os.getpid() == pid:
        process.close()


@contextlib.contextmanager
def _translated_errors(server: ServerSettings) -> Generator[None]:
    try:
        yield
    except DatabaseUnavailable as error:
        place = place_of(server.server_url)
        raise ServerUnavailable(
            f"no answer from {place}: {error}",
            url=place,
            may_have_arrived=not isinstance(error, (NotSent, DatabaseReadOnly)),
        ) from error
