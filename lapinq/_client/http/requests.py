"""Requests to the HTTP API as data. No I/O happens here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from lapinq.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lapinq._client.settings import ServerSettings


class Request(msgspec.Struct, frozen=True):
    """One HTTP request. `timeout` is in seconds, for each of connecting, sending and receiving."""

    method: str
    url: str
    headers: dict[str, str]
    timeout: float
    content: bytes | None = None


def enqueue(server: ServerSettings, entry: Mapping[str, Any], idempotency_key: str | None = None) -> Request:
    return _request(server, "POST", "/api/v1/enqueue", msgspec.json.encode(entry), idempotency_key)


def enqueue_batch(
    server: ServerSettings, entries: Sequence[Mapping[str, Any]], idempotency_key: str | None = None
) -> Request:
    return _request(server, "POST", "/api/v1/enqueue/batch", msgspec.json.encode(entries), idempotency_key)


def task_details(server: ServerSettings, task_id: str) -> Request:
    return _request(server, "GET", f"/api/v1/tasks/{quote(task_id, safe='')}")


def task_result(server: ServerSettings, task_id: str, wait: float = 0.0) -> Request:
    """`wait` is how many seconds the server may wait for the task to end before it answers."""
    query = f"?wait={wait:.3f}" if wait else ""
    return _request(server, "GET", f"/api/v1/tasks/{quote(task_id, safe='')}/result{query}")


def _request(
    server: ServerSettings,
    method: str,
    path: str,
    content: bytes | None = None,
    idempotency_key: str | None = None,
) -> Request:
    headers = {"Accept": "application/json", "User-Agent": f"lapinq/{__version__}"}
    if content is not None:
        headers["Content-Type"] = "application/json"
    if server.api_key is not None:
        headers["X-API-Key"] = server.api_key
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    return Request(method, server.server_url.rstrip("/") + path, headers, server.timeout, content)
