"""A mail server of thirty lines, on 127.0.0.1, that keeps what it was sent. It offers neither TLS nor a login."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class MailServer:
    """`mails` are the data of each mail, with its recipients; recipients in `refused` get a 550."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[tuple[list[str], str]] = []
        self.refused: set[str] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipients: list[str] = []

        def answer(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        answer("220 ready")
        while line := (await reader.readline()).decode().strip():
            match line.split(maxsplit=1)[0].upper():
                case "RCPT":
                    address = line.partition("<")[2].partition(">")[0]
                    is_refused = address in self.refused
                    recipients += [] if is_refused else [address]
                    answer("550 unknown" if is_refused else "250 ok")
                case "DATA":
                    answer("354 go on")
                    data = (await reader.readuntil(b"\r\n.\r\n")).decode()
                    self.mails.append((recipients, data))
                    answer("250 taken")
                case "QUIT":
                    answer("221 bye")
                    break
                case _:
                    answer("250 ok")
            await writer.drain()
        writer.close()


@asynccontextmanager
async def mail_server() -> AsyncGenerator[MailServer]:
    """Serves while the context lasts."""
    mails = MailServer()
    server = await asyncio.start_server(mails.serve, "127.0.0.1", 0)
    mails.port = server.sockets[0].getsockname()[1]
    async with server:
        yield mails
