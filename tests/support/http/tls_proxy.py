"""What stands before a server and ends TLS, as a reverse proxy does: it says so in `X-Forwarded-Proto`."""

import asyncio
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

_MOST_HEAD = 64 * 1024
_SECONDS = 5


@contextmanager
def tls_proxy(url: str, certificate: Path) -> Generator[str]:
    """The address of a proxy before the server at `url`. `certificate` holds a key, too; a separate thread serves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    target = httpx.URL(url)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="TLS proxy")
    thread.start()

    transports: list[asyncio.WriteTransport] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transports.append(writer.transport)
        with suppress(OSError, asyncio.IncompleteReadError):
            await _forward(reader, writer, target.host, target.port or 80)
        writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, limit=_MOST_HEAD)

    async def finish(server: asyncio.Server) -> None:
        server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.wait(rest, timeout=_SECONDS) if rest else None
        for transport in transports:
            transport.abort()
        for _ in range(20):  # an aborted transport closes its socket in a later turn of the loop
            await asyncio.sleep(0)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(_SECONDS)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(finish(server), loop).result(2 * _SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SECONDS)
        loop.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    """One request, or one WebSocket: what follows the head passes as it is, so there is no second one."""
    head = await reader.readuntil(b"\r\n\r\n")
    request_line, _, headers = head.partition(b"\r\n")
    if b"\nupgrade:" not in head.lower():
        kept = [line for line in headers.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        headers = b"Connection: close\r\n" + b"\r\n".join(kept)
    there_reader, there_writer = await asyncio.open_connection(host, port)
    there_writer.write(request_line + b"\r\nX-Forwarded-Proto: https\r\n" + headers)
    try:
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
    finally:
        there_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
