"""A TCP proxy before the database, to take it away: by cutting connections, or by letting everything vanish."""

import asyncio
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Mode = Literal["pass", "refuse", "swallow"]


class Proxy:
    """Forwards to one server. `url` is the database's behind it."""

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        target = conninfo_to_dict(url)
        self._host, self._port = str(target.get("host") or "localhost"), int(target.get("port") or 5432)
        self._url = url
        self._loop = loop
        self._mode: Mode = "pass"
        self._open: set[asyncio.StreamWriter] = set()
        self._transports: list[asyncio.WriteTransport] = []
        self._last_words: bytes | None = None
        self._swallowed_words: bytes | None = None
        self.url = ""
        self.cuts = 0

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open) // 2

    def cut(self) -> None:
        """Ends all connections and refuses new ones, as a server that is down does."""
        self._call("refuse", drop=True)

    def swallow(self) -> None:
        """Keeps the connections, takes new ones, and lets nothing through, as a dead network does."""
        self._call("swallow", drop=False)

    def heal(self) -> None:
        """Forwards again; swallowed bytes stay lost, so old connections end."""
        self._call("pass", drop=True)

    def cut_after(self, words: bytes) -> None:
        """Ends, once, a connection over which `words` are sent; the server does what they say, and its answer is lost.

        `cuts` counts how often that happened.
        """
        self._last_words = words

    def swallow_after(self, words: bytes) -> None:
        """As `swallow`, from when `words` are sent over a connection; they arrive, and their answer does not."""
        self._swallowed_words = words

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = make_conninfo(self._url, host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        return server

    def _call(self, mode: Mode, *, drop: bool) -> None:
        done = threading.Event()

        def change() -> None:
            self._mode = mode
            if drop:
                for writer in self._open:
                    writer.transport.abort()
            done.set()

        self._loop.call_soon_threadsafe(change)
        assert done.wait(5)

    def abort_all(self) -> None:
        """Also those that were closed and still wait for a peer to read what they have left."""
        for transport in self._transports:
            transport.abort()

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Coroutine[Any, Any, None]:
        # Not in the coroutine: it may be cancelled before it begins.
        self._transports.append(writer.transport)
        return self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "refuse":
            writer.transport.abort()
            return
        try:
            await self._forward(reader, writer)
        except OSError:  # nobody is there to forward to
            writer.transport.abort()
        except BaseException:
            writer.transport.abort()
            raise

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._host.startswith("/"):
            there = await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        else:
            there = await asyncio.open_connection(self._host, self._port)
        self._transports.append(there[1].transport)
        self._open |= {writer, there[1]}
        try:
            said = asyncio.Event()
            await asyncio.gather(
                self._pump(reader, there[1], said), self._pump(there[0], writer, said, is_answer=True)
            )
        except BaseException:
            there[1].transport.abort()
            raise
        finally:
            self._open -= {writer, there[1]}

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        said: asyncio.Event,
        *,
        is_answer: bool = False,
    ) -> None:
        """`said` is set once the last words were."""
        with suppress(OSError):
            while data := await reader.read(65_536):
                if is_answer and said.is_set():
                    self.cuts += 1
                    writer.transport.abort()
                    return
                if not is_answer and self._last_words is not None and self._last_words in data:
                    self._last_words = None
                    said.set()
                passes = self._mode == "pass"
                if not is_answer and self._swallowed_words is not None and self._swallowed_words in data:
                    self._swallowed_words, self._mode = None, "swallow"
                if passes:
                    writer.write(data)
                    await writer.drain()
        writer.close()


@contextmanager
def proxy(url: str) -> Generator[Proxy]:
    """A proxy in front of the database at `url`, in a separate thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxy")
    thread.start()
    made = Proxy(url, loop)
    server = asyncio.run_coroutine_threadsafe(made.start(), loop).result(5)
    try:
        yield made
    finally:
        made.cut()
        asyncio.run_coroutine_threadsafe(_finish(server, made), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _finish(server: asyncio.Server, made: Proxy) -> None:
    # `server.close()` leaves a connection open which was accepted in the same turn, so first nothing more is accepted.
    for listener in server.sockets:
        asyncio.get_running_loop().remove_reader(listener.fileno())
    await _turns()
    server.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    made.abort_all()
    await _turns()  # what was aborted closes its socket in a later turn of the loop


async def _turns() -> None:
    """As many turns of the loop as it takes from accepting a connection to having aborted it, and some more."""
    for _ in range(20):
        await asyncio.sleep(0)
