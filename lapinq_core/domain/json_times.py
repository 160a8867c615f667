"""JSON whose times end in `+00:00`, like those that the database writes; msgspec alone writes `Z`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec


def encode(value: Any) -> bytes:
    """`value`, made of structs and builtin types, as JSON. Its times must have an offset."""
    text = msgspec.json.encode(value)
    # Most of what we answer has no times, and is not gone through.
    if b'Z"' not in text:
        return text
    return msgspec.json.encode(_written_out(msgspec.to_builtins(value, builtin_types=(datetime,))))


def _written_out(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {key: _written_out(one) for key, one in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_written_out(one) for one in cast("list[Any]", value)]
    return value
