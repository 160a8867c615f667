"""An entry: the fields of one task in an enqueue request, by their names in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from lapinq._client.entries.encoding import encode, encode_arguments, is_plain
from lapinq._client.entries.scheduled_at import check_zone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lapinq._client.settings import QueueSettings


def with_defaults(queue: QueueSettings, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `entry` with the queue's name and time to live where it has none."""
    complete = dict(entry)
    if complete.get("queue_name") is None:
        complete["queue_name"] = queue.queue_name
    if complete.get("ttl_seconds") is None:
        complete["ttl_seconds"] = queue.default_ttl_seconds
    return complete


def encode_entry(entry: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The entry with each value as JSON text, or as it is if any encoder can take it, without the fields that are None.

    Raises like `encode`. Errors name the value by its path after `prefix`: `args[0]`, `kwargs['size']`, `metadata`.
    """
    return {
        field: value if is_plain(value) else _encode_field(field, value, prefix + field)
        for field, value in entry.items()
        if value is not None
    }


def _encode_field(field: str, value: Any, name: str) -> Any:
    if field in ("args", "kwargs") and isinstance(value, (list, tuple, dict)):
        return encode_arguments(cast("list[Any] | tuple[Any, ...] | dict[Any, Any]", value), name)
    if field == "scheduled_at" and isinstance(value, datetime):
        check_zone(value)
    return encode(value, name)
