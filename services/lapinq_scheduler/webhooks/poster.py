"""Sends one delivery of a webhook or a notification: a POST, and the outcome that its response means."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import httpcore

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.version import __version__
from lapinq_core.domain.webhooks.signature import SigningKeys, signed_headers
from lapinq_core.domain.webhooks.target import Target, read_target
from lapinq_core.domain.webhooks.webhook import Delivered, Undelivered, body_of, judge
from lapinq_core.webhooks.deliveries import DueWebhook
from lapinq_scheduler.webhooks.guarded_network import GuardedNetwork, TargetRefused
from lapinq_scheduler.webhooks.resolver import Unresolved

CONNECT_SECONDS = 5.0
"""For each of lookup, connection and TLS handshake."""
WHOLE_SECONDS = 15.0
"""From the start of a delivery to the status line of the response."""
_LEFTOVERS_SECONDS = 1.0
MAX_READ = 64 * 1024

Body = Callable[[str], bytes]
"""Makes the body for an audience, the receiver's URL."""

log = logging.getLogger(__name__)


class Poster:
    """Sends events, on one event loop. Signs each with the `keys` of its receiver."""

    def __init__(self, network: GuardedNetwork, keys: SigningKeys, *, max_at_once: int) -> None:
        self._keys = keys
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=2 * max_at_once,
            max_keepalive_connections=max_at_once,
            keepalive_expiry=5.0,
            network_backend=network,
        )

    async def close(self) -> None:
        await self._pool.aclose()

    async def deliver(self, due: DueWebhook) -> Delivered | Undelivered:
        """Sends `due` once."""
        return await self.post(due.url, partial(body_of, due.event), due.event.event_id, due.timestamp)

    async def post(
        self, url: str, body_for: Body, event_id: str, timestamp: int, *, is_signed: bool = True
    ) -> Delivered | Undelivered:
        """Sends a body once. Every failure is an outcome, too; its text names the host but never the URL."""
        try:
            target = read_target(url)
        except InvalidValue as error:
            return Undelivered(f"{error.loc} {error.msg}")
        body, keys = body_for(target.audience), self._keys.all_for(target.origin)
        signed = signed_headers(event_id, timestamp, body, keys) if is_signed else {}
        try:
            return await self._send(target, body, signed)
        except TimeoutError:
            return Undelivered(f"no answer within {WHOLE_SECONDS:g} s")
        except (TargetRefused, Unresolved) as error:
            return Undelivered(str(error))
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            return Undelivered(_no_connection(target.host, error))
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            return Undelivered(_no_answer(error))

    async def _send(self, target: Target, body: bytes, signed: Mapping[str, str]) -> Delivered | Undelivered:
        request = httpcore.Request(
            "POST",
            httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
            headers=_headers(target, body, signed),
            content=body,
            extensions={"timeout": {"connect": CONNECT_SECONDS, "pool": WHOLE_SECONDS}},
        )
        async with asyncio.timeout(WHOLE_SECONDS):
            response = await self._pool.handle_async_request(request)
        try:
            retry_after = next(
                (value for name, value in response.headers if name.lower() == b"retry-after"), None
            )
            outcome = judge(
                response.status, retry_after.decode("latin-1") if retry_after else None, datetime.now(UTC)
            )
            await _read_leftovers(response)
        finally:
            await response.aclose()
        return outcome


async def _read_leftovers(response: httpcore.Response) -> None:
    """Reads a short body to its end so that the connection can be reused. Abandons a long or slow one."""
    size = 0
    with contextlib.suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
        async with asyncio.timeout(_LEFTOVERS_SECONDS):
            async for part in response.aiter_stream():
                size += len(part)
                if size > MAX_READ:
                    return


def _headers(target: Target, body: bytes, signed: Mapping[str, str]) -> list[tuple[str, str]]:
    headers = [
        ("Host", target.host_header),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("User-Agent", f"lapinq/{__version__}"),
        ("Accept", "*/*"),
        *signed.items(),
    ]
    if target.authorization is not None:
        headers.append(("Authorization", target.authorization))
    return headers


def _no_connection(host: str, error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {host} is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS connection to {host}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.ConnectTimeout):
        return f"no connection to {host} within {CONNECT_SECONDS:g} s"
    return f"{host} refuses connections"


def _no_answer(error: Exception) -> str:
    if isinstance(error, httpcore.RemoteProtocolError):
        return "the response is not HTTP"
    return "the connection broke before a response arrived"
