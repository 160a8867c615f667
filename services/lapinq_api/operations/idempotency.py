"""The `Idempotency-Key` header: a repeated request with the same key is stored once."""

import hashlib
import re
from http import HTTPStatus

from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of
from lapinq_api.operations.endpoint import Parameter
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Actor
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.refusals import KEY_REUSED
from lapinq_core.intake.idempotency import Answered, Earlier, Ids, Key

HEADER = "Idempotency-Key"
REPLAYED = {"Idempotency-Replayed": "true"}
MAX_KEY = 255

IDEMPOTENCY_KEY = Parameter(
    name=HEADER,
    where="header",
    description=(
        "Makes this request safe to repeat: send the same key again if no answer arrived. The same"
        " request with the same key returns what was stored the first time and stores nothing. Kept for"
        " 24 hours, separately for each caller. A key of the form `task-` and a UUIDv7 of the present time"
        " becomes the task's id; the client may repeat that request for ten minutes."
    ),
    schema={"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"},
)

CONFLICT = (
    "The idempotency key was used for a different request within 24 hours; or another task, `task_id`, has the unique"
    " key, and the request asks to be rejected then."
)
HEADERS = {
    "Idempotency-Replayed": "`true` if this repeats the answer of an earlier request with the same key."
}


def given_key(request: Request) -> str | None:
    """The key as the client sent it; None without the header. Raises `InvalidValue`."""
    given = [value for name, value in request.scope["headers"] if name == _RAW]
    if not given:
        return None
    if len(given) > 1:
        raise InvalidValue(HEADER, "must be given once")
    if not _PRINTABLE.fullmatch(given[0]):
        raise InvalidValue(HEADER, f"must have 1 to {MAX_KEY} printable ASCII characters")
    return given[0].decode()


def stored_key(request: Request, given: str, operation: str, body: bytes) -> Key:
    """The key of this caller for this exact request. `operation` is its method and path."""
    digest = hashlib.sha256(f"{operation}\n".encode())
    digest.update(body)
    return Key(f"{_whose(actor_of(request))}\n{given}", digest.digest())


def ids_of(outcome: Earlier | Answered) -> Ids:
    """The ids of the answer. Raises `Refused` (409) if that was to a different, earlier request."""
    if isinstance(outcome, Earlier) and not outcome.is_same:
        raise Refused(HTTPStatus.CONFLICT, KEY_REUSED)
    return outcome.task_ids


def _whose(actor: Actor) -> str:
    return actor.kind if actor.id is None else f"{actor.kind} {actor.id}"


_RAW = HEADER.lower().encode()
_PRINTABLE = re.compile(rb"[ -~]{1,255}")
