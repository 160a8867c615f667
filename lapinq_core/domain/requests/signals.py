"""The name and the value of a signal."""

from typing import Any

import msgspec

from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import NAME_SCHEMA
from lapinq_core.domain.tasks.durable.calls import MAX_NAME
from lapinq_core.domain.tasks.task import check_json

SIGNAL_NAME_SCHEMA: dict[str, Any] = {**NAME_SCHEMA, "maxLength": MAX_NAME}


def read_value(body: bytes) -> str:
    """The JSON in `body` as it is stored: on one line, with its numbers as they were written; null if it is empty.

    Raises `InvalidValue`.
    """
    if not body:
        return "null"
    check_json("value", decode(_any, body))
    return msgspec.json.format(body, indent=-1).decode()


_any = msgspec.json.Decoder(Any)
