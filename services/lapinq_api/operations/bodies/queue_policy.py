"""The body of a request to change a queue's limits."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import doc

MAX_RUNNING = 1_000_000


class PolicyChange(msgspec.Struct, forbid_unknown_fields=True):
    """The fields to change; null removes a limit."""

    max_running: Annotated[
        int | UnsetType | None,
        doc("Maximum number of tasks that run at the same time, on all workers together.", example=5),
        msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MAX_RUNNING}),
    ] = UNSET


def read_max_running(body: bytes) -> int | None:
    """The new limit, None to remove it. Raises `InvalidValue`."""
    given = decode(_change, body).max_running
    if given is UNSET:
        raise InvalidValue("", "must have a field to change: max_running")
    if given is not None and not 1 <= given <= MAX_RUNNING:
        raise InvalidValue("max_running", f"must be from 1 to {MAX_RUNNING:,}, or null for no limit")
    return given


_change = msgspec.json.Decoder(PolicyChange)
