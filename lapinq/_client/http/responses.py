"""What a response says: its JSON object, or why the server refused the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lapinq.errors import RequestRefused

if TYPE_CHECKING:
    import httpx


def read_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in a response. Empty if the body is something else, such as a proxy's error page."""
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def refusal(response: httpx.Response, what: str) -> RequestRefused | None:
    """The error for a response that is not a success. `what` begins its message."""
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


def log_refusal(response: httpx.Response, what: str) -> None:
    """Warn about a refusal through the logger `lapinq`: it leaves a trace even if nobody checks the response."""
    error = refusal(response, what)
    if error is not None:
        import logging

        logging.getLogger("lapinq").warning("%s", error)


class _Detail(msgspec.Struct):
    loc: str
    msg: str


def _details(value: Any) -> list[_Detail]:
    try:
        return msgspec.convert(value, list[_Detail])
    except msgspec.ValidationError:  # none, or not from a lapinq server
        return []
