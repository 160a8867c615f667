"""The calls of the HTTP API as data: what to send, and what an answer says. No I/O happens here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import msgspec

from lapinq._encoding import encode_entry
from lapinq.errors import RequestRefused
from lapinq.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx

    from lapinq_core.domain.tasks.middleware import Middleware


class Call(msgspec.Struct, frozen=True):
    """One HTTP request. `timeout` is in seconds, for each of connecting, sending and receiving."""

    method: str
    url: str
    headers: dict[str, str]
    timeout: float
    content: bytes | None = None


class Server(Protocol):
    """Where a call goes. Read anew for each call, so that changing an attribute takes effect."""

    server_url: str
    api_key: str | None
    timeout: float


class Defaults(Server, Protocol):
    """What a queue adds to the entries that do not say it themselves."""

    queue_name: str
    default_ttl_seconds: float | None

    @property
    def middleware(self) -> tuple[Middleware, ...]: ...


def enqueue(queue: Defaults, entry: Mapping[str, Any], idempotency_key: str | None = None) -> Call:
    body = encode_entry(completed(queue, entry))
    return _call(queue, "POST", "/api/v1/enqueue", msgspec.json.encode(body), idempotency_key)


def enqueue_batch(
    queue: Defaults, entries: Iterable[Mapping[str, Any]], idempotency_key: str | None = None
) -> Call:
    """Raises TypeError or ValueError naming the entry and the value that cannot be sent."""
    check_key(idempotency_key)
    bodies = [encode_entry(completed(queue, entry), f"tasks[{n}].") for n, entry in enumerate(entries)]
    return _call(queue, "POST", "/api/v1/enqueue/batch", msgspec.json.encode(bodies), idempotency_key)


def check_key(idempotency_key: object) -> None:
    """Raises TypeError and ValueError for what can't be sent as a key; None is none."""
    if idempotency_key is None:
        return
    if not isinstance(idempotency_key, str):
        raise TypeError(f"idempotency_key must be a str, not {idempotency_key!r}")
    if not _KEY.fullmatch(idempotency_key):
        raise ValueError(
            "idempotency_key must have 1 to 255 printable ASCII characters, without spaces around them, not"
            f" {idempotency_key!r}"
        )


def completed(queue: Defaults, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `entry`, with what the queue adds."""
    complete = dict(entry)
    if complete.get("queue_name") is None:
        complete["queue_name"] = queue.queue_name
    if complete.get("ttl_seconds") is None:
        complete["ttl_seconds"] = queue.default_ttl_seconds
    return complete


def task_details(server: Server, task_id: str) -> Call:
    return _call(server, "GET", f"/api/v1/tasks/{quote(task_id, safe='')}")


def task_result(server: Server, task_id: str, hold: float = 0.0) -> Call:
    """`hold` is for how many seconds the server may hold its answer back."""
    query = f"?wait={hold:.3f}" if hold else ""
    return _call(server, "GET", f"/api/v1/tasks/{quote(task_id, safe='')}/result{query}")


def read_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in an answer; empty when it holds something else, as from a proxy in between."""
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def refusal(response: httpx.Response, what: str) -> RequestRefused | None:
    """The error for an answer that is not a success; `what` begins its message."""
    if response.is_success:
        return None
    body = read_object(response)
    error, details = body.get("error"), _details(body.get("details"))
    sentence = error if isinstance(error, str) else response.text[:200].strip() or response.reason_phrase
    where = "; ".join(f"{detail.loc}: {detail.msg}" for detail in details)
    return RequestRefused(
        f"{what}: {response.status_code}: {sentence}" + (f" ({where})" if where else ""),
        status_code=response.status_code,
        error=sentence,
        details=[msgspec.structs.asdict(detail) for detail in details],
        request_id=response.headers.get("x-request-id"),
    )


class _Detail(msgspec.Struct):
    loc: str
    msg: str


def _details(value: Any) -> list[_Detail]:
    try:
        return msgspec.convert(value, list[_Detail])
    except msgspec.ValidationError:  # none, or not of a lapinq server
        return []


_KEY = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")


def _call(
    server: Server,
    method: str,
    path: str,
    content: bytes | None = None,
    idempotency_key: str | None = None,
) -> Call:
    headers = {"Accept": "application/json", "User-Agent": f"lapinq/{__version__}"}
    if content is not None:
        headers["Content-Type"] = "application/json"
    if server.api_key is not None:
        headers["X-API-Key"] = server.api_key
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    return Call(method, server.server_url.rstrip("/") + path, headers, server.timeout, content)
