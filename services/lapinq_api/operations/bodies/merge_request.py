"""The bodies of requests to merge groups of errors, and to take that back."""

import re
from typing import Annotated

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import doc
from lapinq_core.error_groups.groups import MAX_ID

_FINGERPRINT = "[0-9a-f]{32}"


class MergeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The group that takes over."""

    into: Annotated[
        int,
        doc("The id of another group of the same task function and queue.", example=12),
        msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MAX_ID}),
    ]


class SplitRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The error that gets a group of its own again."""

    fingerprint: Annotated[
        str,
        doc("As in the list of what was merged into the group.", example="9f86d081884c7d659a2feaa0c55ad015"),
        msgspec.Meta(extra_json_schema={"pattern": f"^{_FINGERPRINT}$"}),
    ]


def read_merge(body: bytes) -> int:
    """The id. Raises `InvalidValue`."""
    into = decode(_merge, body).into
    if not 1 <= into <= MAX_ID:
        raise InvalidValue("into", f"must be between 1 and {MAX_ID}")
    return into


def read_split(body: bytes) -> str:
    """The fingerprint. Raises `InvalidValue`."""
    fingerprint = decode(_split, body).fingerprint
    if not re.fullmatch(_FINGERPRINT, fingerprint):
        raise InvalidValue("fingerprint", "must be 32 hexadecimal digits")
    return fingerprint


_merge = msgspec.json.Decoder(MergeRequest)
_split = msgspec.json.Decoder(SplitRequest)
