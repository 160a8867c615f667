"""The body of a request to mute a group of errors: for how long, or why."""

from typing import Annotated

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import doc
from lapinq_core.domain.tasks.task import check_json
from lapinq_core.tasks.queues import MAX_REASON

MAX_SECONDS = 365 * 86_400


class MuteRequest(msgspec.Struct, forbid_unknown_fields=True):
    """How long the group stays muted, or why. One of them is needed."""

    seconds: Annotated[
        float | None,
        doc("After this time the next failure reopens it. Without it, the group stays muted.", example=3600),
        msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MAX_SECONDS}),
    ] = None
    reason: Annotated[
        str | None,
        doc(
            f"For people who look later: up to {MAX_REASON} characters.", example="waits for the next release"
        ),
        msgspec.Meta(extra_json_schema={"maxLength": MAX_REASON}),
    ] = None


def read_mute(body: bytes) -> tuple[float | None, str | None]:
    """Seconds and reason. Raises `InvalidValue`."""
    asked = decode(_request, body)
    if asked.seconds is not None and not 1 <= asked.seconds <= MAX_SECONDS:
        raise InvalidValue("seconds", f"must be between 1 and {MAX_SECONDS}")
    if asked.reason is not None:
        if len(asked.reason) > MAX_REASON:
            raise InvalidValue("reason", f"must have at most {MAX_REASON} characters")
        check_json("reason", asked.reason)
    if asked.seconds is None and not asked.reason:
        raise InvalidValue("reason", "is needed where there are no seconds: say why it stays muted")
    return asked.seconds, asked.reason or None


_request = msgspec.json.Decoder(MuteRequest)
