"""The `Idempotency-Key` header, with which a request may be sent again and is done once."""

import hashlib
import re
from http import HTTPStatus

from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of
from lapinq_api.operations.endpoint import Parameter
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Actor
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.tasks.idempotency import Earlier, Ids, Key

HEADER = "Idempotency-Key"
REPLAYED = {"Idempotency-Replayed": "true"}
MAX_KEY = 255

IDEMPOTENCY_KEY = Parameter(
    name=HEADER,
    where="header",
    description=(
        "A name for this request, the same when it is sent again for want of an answer: what was stored the first"
        " time is answered, and nothing is stored twice. Kept for 24 hours, for each caller."
    ),
    schema={"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"},
)

CONFLICT = "The idempotency key was used for another request within 24 hours."
HEADERS = {"Idempotency-Replayed": "`true` where this is the answer to an earlier request with the same key."}


def key_name(request: Request) -> str | None:
    """What the header says, below the caller, to whom it belongs; None without it. Raises `InvalidValue`."""
    given = [value for name, value in request.scope["headers"] if name == _RAW]
    if not given:
        return None
    if len(given) > 1:
        raise InvalidValue(HEADER, "must be given once")
    if not _PRINTABLE.fullmatch(given[0]):
        raise InvalidValue(HEADER, f"must have 1 to {MAX_KEY} characters, printable ones of ASCII")
    return f"{_whose(actor_of(request))}\n{given[0].decode()}"


def key_of(name: str, operation: str, body: bytes) -> Key:
    """The key called `name` of this very request: `operation` is its method and path."""
    digest = hashlib.sha256(f"{operation}\n".encode())
    digest.update(body)
    return Key(name, digest.digest())


def ids_of(earlier: Earlier) -> Ids:
    """What was answered before. Raises `Refused` (409) when that was another request."""
    if not earlier.is_same:
        raise Refused(HTTPStatus.CONFLICT, f"the {HEADER} was used for another request within 24 hours")
    return earlier.task_ids


def _whose(actor: Actor) -> str:
    return actor.kind if actor.id is None else f"{actor.kind} {actor.id}"


_RAW = HEADER.lower().encode()
_PRINTABLE = re.compile(rb"[ -~]{1,255}")
