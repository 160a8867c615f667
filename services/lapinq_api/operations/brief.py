"""What a change answers: the object that it changed, or to a key without the scope `read` its state."""

from typing import TypeVar

import msgspec
from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of

Found = TypeVar("Found", bound=msgspec.Struct | None)
Brief = TypeVar("Brief", bound=msgspec.Struct)

BRIEF = "Without the scope `read`, a key is told the state only."
"""For the description of an operation."""


def readable(request: Request, queue: str | None, found: Found, brief: type[Brief]) -> Found | Brief:
    """`found`, or only its fields that `brief` has if the sender may not read tasks of `queue`; None is all queues."""
    if found is None or actor_of(request).may_read(queue):
        return found
    return msgspec.convert(found, brief, from_attributes=True)
