"""A small mail server on 127.0.0.1 that keeps what it was sent.

With a certificate it speaks TLS, after STARTTLS or from the start, and then offers a login.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path


class MailServer:
    """`mails` are the data of each mail, with its recipients; recipients in `refused` get a 550. `logins` are user and
    password of each login, `encrypted` whether each mail came over TLS. `farewell` answers QUIT.
    """

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.port = 0
        self.mails: list[tuple[list[str], str]] = []
        self.refused: set[str] = set()
        self.logins: list[tuple[str, str]] = []
        self.encrypted: list[bool] = []
        self.farewell = "221 bye"
        self._tls = tls

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Whoever expects TLS at once goes away."""
        with suppress(ConnectionResetError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipients: list[str] = []

        def answer(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        answer("220 ready")
        while line := (await reader.readline()).decode(errors="replace").strip():
            is_encrypted = writer.get_extra_info("ssl_object") is not None
            match line.split(maxsplit=1)[0].upper():
                case "EHLO" if self._tls is not None:
                    answer("250-localhost")
                    answer("250 AUTH PLAIN" if is_encrypted else "250 STARTTLS")
                case "STARTTLS" if self._tls is not None:
                    answer("220 go on")
                    await writer.drain()
                    try:
                        await writer.start_tls(self._tls)
                    except (ssl.SSLError, ConnectionError):
                        break  # the client does not trust the certificate
                case "AUTH":
                    _, user, password = base64.b64decode(line.split()[-1]).decode().split("\0")
                    self.logins.append((user, password))
                    answer("235 welcome")
                case "RCPT":
                    address = line.partition("<")[2].partition(">")[0]
                    is_refused = address in self.refused
                    recipients += [] if is_refused else [address]
                    answer("550 unknown" if is_refused else "250 ok")
                case "DATA":
                    answer("354 go on")
                    data = (await reader.readuntil(b"\r\n.\r\n")).decode()
                    self.mails.append((recipients, data))
                    self.encrypted.append(is_encrypted)
                    answer("250 taken")
                case "QUIT":
                    answer(self.farewell)
                    break
                case _:
                    answer("250 ok")
            await writer.drain()


@asynccontextmanager
async def mail_server(
    certificate: Path | None = None, *, begins_with_tls: bool = False
) -> AsyncGenerator[MailServer]:
    """Serves while the context lasts. `certificate` is a file that holds the key, too."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    mails = MailServer(tls)
    server = await asyncio.start_server(mails.serve, "127.0.0.1", 0, ssl=tls if begins_with_tls else None)
    mails.port = server.sockets[0].getsockname()[1]
    async with server:
        yield mails
