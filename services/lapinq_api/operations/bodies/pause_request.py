"""The body of a request to pause something: an optional reason."""

from typing import Annotated

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import doc
from lapinq_core.domain.tasks.task import check_json
from lapinq_core.tasks.queues import MAX_REASON


class PauseRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The reason for the pause, for people who look later."""

    reason: Annotated[
        str | None,
        doc(f"Up to {MAX_REASON} characters.", example="the mail provider is down"),
        msgspec.Meta(extra_json_schema={"maxLength": MAX_REASON}),
    ] = None


def read_reason(body: bytes) -> str | None:
    """The reason in a body that may be empty. Raises `InvalidValue`."""
    reason = decode(_request, body).reason if body else None
    if reason is not None:
        if len(reason) > MAX_REASON:
            raise InvalidValue("reason", f"must have at most {MAX_REASON} characters")
        check_json("reason", reason)
    return reason or None


_request = msgspec.json.Decoder(PauseRequest)
