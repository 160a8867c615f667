"""Loads a server with POST requests over keep-alive connections, each of which asks again once it has its answer.

The clients are two processes that know just enough of HTTP/1.1 to need far less time than the server.
`python -m tests.bench.measurements.http_clients` is one of them: a `Load` as JSON on its command line, an `Answers` as
JSON on its output.
"""

import asyncio
import sys
import time
from contextlib import ExitStack
from typing import cast

import msgspec
import uvloop

from tests.bench.run.figures import percentile
from tests.bench.run.processes import Processes

CLIENTS = 2
WARM_UP_SECONDS = 1.0
_MAX_TIMES = 2000


class Load(msgspec.Struct, frozen=True):
    """What to ask of 127.0.0.1, and for how long after a warm-up."""

    path: str
    body: str
    connections: int
    seconds: float
    port: int = 0


class Answers(msgspec.Struct, frozen=True):
    """Requests a second, and the time of a request. `confirmed` counts those of the warm-up too."""

    confirmed: int
    rate: float
    p50_ms: float
    p99_ms: float
    times_ms: list[float]
    """Every time, or as many spread evenly over them as tell the percentiles."""


def load(processes: Processes, asked: Load, *, limit: float) -> Answers:
    """What the server answered to all clients together. Raises `BenchError`, also for any answer but 201."""
    share = msgspec.structs.replace(asked, connections=asked.connections // CLIENTS)
    command = [
        sys.executable,
        "-m",
        "tests.bench.measurements.http_clients",
        msgspec.json.encode(share).decode(),
    ]
    with ExitStack() as stack:
        clients = [stack.enter_context(processes.start(command, {})) for _ in range(CLIENTS)]
        for client in clients:
            client.wait(limit)
        answers = [msgspec.json.decode(client.output, type=Answers) for client in clients]
    times = [time_ms for one in answers for time_ms in one.times_ms]
    return _answers(sum(one.confirmed for one in answers), sum(one.rate for one in answers), times)


def _answers(confirmed: int, rate: float, times_ms: list[float]) -> Answers:
    kept = sorted(times_ms)[:: max(1, len(times_ms) // _MAX_TIMES)]
    return Answers(confirmed, rate, percentile(times_ms, 0.50), percentile(times_ms, 0.99), kept)


class _Connection(asyncio.Protocol):
    def __init__(
        self, request: bytes, times: list[tuple[float, float]], failed: asyncio.Future[None]
    ) -> None:
        self._request = request
        self._times = times
        self._failed = failed
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
        at = head.index(b"content-length:") + 15
        line_end = head.find(b"\r\n", at)
        length = int(head[at : line_end if line_end >= 0 else head_end])
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


async def _run(asked: Load) -> Answers:
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    body = asked.body.encode()
    head = (
        f"POST {asked.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    times: list[tuple[float, float]] = []
    for _ in range(asked.connections):
        await loop.create_connection(
            lambda: _Connection(head.encode() + body, times, failed), "127.0.0.1", asked.port
        )
    begun = time.perf_counter() + WARM_UP_SECONDS
    await asyncio.wait([failed], timeout=WARM_UP_SECONDS + asked.seconds)
    ended = time.perf_counter()
    if failed.done():
        failed.result()
    measured = [took * 1000 for at, took in times if begun <= at < ended]
    return _answers(len(times), len(measured) / (ended - begun), measured)


if __name__ == "__main__":
    answers = uvloop.run(_run(msgspec.json.decode(sys.argv[1], type=Load)))
    sys.stdout.write(msgspec.json.encode(answers).decode())
