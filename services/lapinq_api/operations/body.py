"""Reads request bodies: JSON only, with a limit on size and time that holds while the body arrives."""

import asyncio
import re
from http import HTTPStatus

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from lapinq_api.credentials.caller import recheck
from lapinq_api.overload.admission import Admission
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.requests.decoding import decode

BODY_SECONDS = 20.0
"""How long a body may take to arrive, from when it is first read."""

WHOLE_KEY = "lapinq.whole"
"""Set in the scope of a request whose body has arrived whole: reading it needs no timer."""


class _NoFields(msgspec.Struct, forbid_unknown_fields=True):
    pass


_no_fields = msgspec.json.Decoder(_NoFields)
_SIGNS_OF_A_BODY = {b"content-length", b"transfer-encoding"}


async def read_no_fields(scope: Scope, receive: Receive, limit: int, admission: Admission) -> None:
    """Reads a body that may be empty or an object without fields. Anything else is refused."""
    if body := await read_json_if_any(scope, receive, limit, admission):
        decode(_no_fields, body)


async def read_json_if_any(scope: Scope, receive: Receive, limit: int, admission: Admission) -> bytes:
    """As `read_json`, but empty, whatever its type, if the request has no body."""
    if any(name in _SIGNS_OF_A_BODY and value != b"0" for name, value in scope["headers"]):
        return await read_json(scope, receive, limit, admission)
    return b""


async def read_json(scope: Scope, receive: Receive, limit: int, admission: Admission) -> bytes:
    """The body, at most `limit` bytes, counted as they arrive.

    A body without a declared type is read as JSON. Raises `Refused` (408, 413, 415), `Busy`, and
    `ClientDisconnect` if the client leaves before the end.
    """
    declared = 0
    for name, value in scope["headers"]:
        if name == b"content-type":
            _check_type(value)
        elif name == b"content-encoding":
            if value.lower() != b"identity":
                raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")
        elif name == b"content-length":
            declared = int(value) if value.isdigit() and len(value) <= _MAX_NUMBER else 0
    if declared > limit:
        raise _too_large(limit)
    return await read_body(scope, receive, limit, admission)


async def read_body(scope: Scope, receive: Receive, limit: int, admission: Admission) -> bytes:
    """A body of any type, at most `limit` bytes and `BODY_SECONDS`.

    Raises `Refused` (408, 413; 401, 403 if the sender has lost the permission meanwhile), `Busy`, `Overloaded`,
    `DatabaseUnavailable`, and `ClientDisconnect`.
    """
    if WHOLE_KEY in scope:
        return await _received(receive, limit, admission)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _received(receive, limit, admission)
    except TimeoutError as error:
        raise Refused(
            HTTPStatus.REQUEST_TIMEOUT,
            f"the body did not arrive within {BODY_SECONDS:g} seconds",
            {"Connection": "close"},
        ) from error
    await recheck(scope)
    return body


async def _received(receive: Receive, limit: int, admission: Admission) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message["body"]
        if len(body) > limit:
            raise _too_large(limit)
        return body
    parts = bytearray()
    with admission.hold() as held:
        while True:
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part: bytes = message.get("body", b"")
            if len(parts) + len(part) > limit:
                raise _too_large(limit)
            held.add(len(part))
            parts += part
            if not message.get("more_body"):
                return bytes(parts)
            message = await receive()


def _check_type(value: bytes) -> None:
    if value == b"application/json":
        return
    kind, _, parameters = value.lower().partition(b";")
    charset = _CHARSET.search(parameters)
    if not _JSON.fullmatch(kind.strip()) or (charset and charset[1] not in {b"utf-8", b"utf8", b"us-ascii"}):
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json in UTF-8")


def _too_large(limit: int) -> Refused:
    # Closed, for otherwise the rest would have to be read.
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body must not be larger than {limit} bytes",
        {"Connection": "close"},
    )


_MAX_NUMBER = 18
_JSON = re.compile(rb"application/(?:json|[\w.-]+\+json)")
_CHARSET = re.compile(rb"charset\s*=\s*\"?([^\s\";]*)")
