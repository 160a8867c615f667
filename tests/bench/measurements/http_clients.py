"""Loads a server with POST requests over keep-alive connections, each of which asks again once it has its answer.

The clients are two processes that know just enough of HTTP/1.1 to need far less time than the server.
`python -m tests.bench.measurements.http_clients PORT PATH BODY CONNECTIONS SECONDS` is one of them, and prints its
`Answers` as JSON.
"""

import asyncio
import sys
import time
from contextlib import ExitStack
from typing import cast

import msgspec
import uvloop

from tests.bench.run.processes import Processes

CLIENTS = 2
WARM_UP_SECONDS = 1.0
_MAX_TIMES = 2000


class Answers(msgspec.Struct, frozen=True):
    """Requests a second. `confirmed` counts those of the warm-up too."""

    confirmed: int
    rate: float
    times_ms: list[float]
    """Of requests: every one, or as many spread evenly over them as tell the percentiles."""


def load(
    processes: Processes, port: int, path: str, body: str, connections: int, seconds: float, *, limit: float
) -> Answers:
    """What the server answered to all clients together. Raises `BenchError`, also for any answer but 201."""
    asked = [str(port), path, body, str(connections // CLIENTS), str(seconds)]
    command = [sys.executable, "-m", "tests.bench.measurements.http_clients", *asked]
    with ExitStack() as stack:
        clients = [stack.enter_context(processes.start(command, {})) for _ in range(CLIENTS)]
        for client in clients:
            client.wait(limit)
        answers = [msgspec.json.decode(client.output, type=Answers) for client in clients]
    times = [time_ms for one in answers for time_ms in one.times_ms]
    return Answers(sum(one.confirmed for one in answers), sum(one.rate for one in answers), times)


class _Connection(asyncio.Protocol):
    def __init__(
        self, request: bytes, times: list[tuple[float, float]], failed: asyncio.Future[None]
    ) -> None:
        self._request, self._times, self._failed = request, times, failed
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the interface but not the base class.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data
        head_end = buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = buffer[:head_end].lower()
        length = int(head[head.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
        if len(buffer) < head_end + 4 + length:
            return
        if not buffer.startswith(b"HTTP/1.1 201 "):
            self._fail(RuntimeError(buffer.decode(errors="replace")))
            return
        now = time.perf_counter()
        self._times.append((now, now - self._sent))
        self._buffer = b""
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server closed a connection"))

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)


async def _run(port: int, path: str, body: bytes, connections: int, seconds: float) -> Answers:
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    request = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
    times: list[tuple[float, float]] = []
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(request, times, failed), "127.0.0.1", port)
    begun = time.perf_counter() + WARM_UP_SECONDS
    await asyncio.wait([failed], timeout=WARM_UP_SECONDS + seconds)
    ended = time.perf_counter()
    if failed.done():
        failed.result()
    measured = sorted(took * 1000 for at, took in times if begun <= at < ended)
    kept = measured[:: max(1, len(measured) // _MAX_TIMES)]
    return Answers(len(times), len(measured) / (ended - begun), kept)


if __name__ == "__main__":
    port, path, body, connections, seconds = sys.argv[1:]
    answers = uvloop.run(_run(int(port), path, body.encode(), int(connections), float(seconds)))
    print(msgspec.json.encode(answers).decode())
